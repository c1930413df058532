import type { NumberSet } from '../../mailbox/uid-set.ts';
import type { ByteWriter } from './byte-writer.ts';
import { writeNumberSet } from './number-set.ts';

/** `* SEARCH 2 3 6 (MODSEQ 917162500)` (RFC 9051 appendix; RFC 7162 section 3.1.5). */
export function writeSearch(writer: ByteWriter, found: NumberSet, modSeq?: number): void {
  writer.raw('* SEARCH');
  for (let i = 0; i + 1 < found.length; i += 2) writer.numbers(found[i]!, found[i + 1]!);
  if (modSeq !== undefined && found.length > 0) writer.raw(` (MODSEQ ${modSeq})`);
  writer.raw('\r\n');
}

/** What an ESEARCH says; what is undefined is left out. An empty `all` is left out too (RFC 4731 section 3.1). */
export interface SearchSummary {
  min?: number | undefined;
  max?: number | undefined;
  all?: NumberSet | undefined;
  count?: number | undefined;
  /** Highest MODSEQ of what was found (RFC 7162 section 3.1.10). */
  modSeq?: number | undefined;
}

/** `* ESEARCH (TAG "A1") UID COUNT 5 ALL 4:19,21` (RFC 9051 section 7.3.4). */
export function writeEsearch(writer: ByteWriter, tag: string, uid: boolean, summary: SearchSummary): void {
  writer
    .raw('* ESEARCH (TAG ')
    .string(tag)
    .raw(uid ? ') UID' : ')');
  if (summary.min !== undefined) writer.raw(` MIN ${summary.min}`);
  if (summary.max !== undefined) writer.raw(` MAX ${summary.max}`);
  if (summary.count !== undefined) writer.raw(` COUNT ${summary.count}`);
  if (summary.all !== undefined && summary.all.length > 0) {
    writer.raw(' ALL ');
    writeNumberSet(writer, summary.all);
  }
  if (summary.modSeq !== undefined) writer.raw(` MODSEQ ${summary.modSeq}`);
  writer.raw('\r\n');
}
