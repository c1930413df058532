export { writeBodyStructure } from './body-structure.ts';
export { ByteWriter } from './byte-writer.ts';
export { type CommandFormat, formatCommand } from './command.ts';
export { writeEnvelope } from './envelope.ts';
export { writeFetchName, writeFlags, writeInternalDate, writeLiteralHeader, writeSection } from './fetch.ts';
export { type FetchColumns, type FetchLineItems, FetchLineWriter } from './fetch-lines.ts';
export { type ListResponse, writeList, writeMailbox, writeNamespace, writeStatus } from './mailbox.ts';
export { formatNumberSet, formatNumbers, formatUidList, writeNumberSet } from './number-set.ts';
export {
  appendUidCode,
  type Condition,
  copyUidCode,
  modifiedCode,
  writeCondition,
  writeContinuation,
  writeId,
  writeVanished,
} from './response.ts';
export { type SearchSummary, writeEsearch, writeSearch } from './search.ts';
