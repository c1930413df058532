import {
  ByteWriter,
  countNumbers,
  type MailboxSnapshot,
  type NumberSet,
  NumberSetBuilder,
  type SearchCommand,
  type SearchReturn,
  type SearchSummary,
  writeEsearch,
  writeSearch,
} from '@stoa/mail';

/** What SEARCH found: UIDs of messages of a snapshot. */
export interface Found {
  shown: MailboxSnapshot;
  uids: NumberSet;
  /** MODSEQ was a search key, so the highest is told (RFC 7162 section 3.1.5). */
  withModseq: boolean;
}

const first = (set: NumberSet) => set[0] as number;
const last = (set: NumberSet) => set[set.length - 1] as number;

/** The untagged response; empty when only SAVE was asked for (RFC 5182 section 2.1). */
export function searchResponse(command: SearchCommand, options: SearchReturn | undefined, found: Found): Buffer {
  const numbers = command.uid ? found.uids : sequencesOf(found);
  const out = new ByteWriter();
  if (options === undefined) {
    writeSearch(out, numbers, found.withModseq ? highestModseq(found, found.uids) : undefined);
    return out.take();
  }
  const { min, max, all, count } = options;
  if (!min && !max && !all && !count) return out.take();
  const summary: SearchSummary = {};
  if (count) summary.count = countNumbers(numbers);
  if (numbers.length > 0) {
    if (min) summary.min = first(numbers);
    if (max) summary.max = last(numbers);
    if (all) summary.all = numbers;
    if (found.withModseq) summary.modSeq = highestModseq(found, returned(options, found.uids));
  }
  writeEsearch(out, command.tag, command.uid, summary);
  return out.take();
}

/** The UIDs that a later `$` stands for (RFC 5182 section 2.4): all, or only those told where only MIN or MAX is. */
export function returned({ min, max, all, count }: SearchReturn, uids: NumberSet): NumberSet {
  if (uids.length === 0 || all || count || (!min && !max)) return uids;
  const builder = new NumberSetBuilder();
  if (min) builder.add(first(uids));
  if (max) builder.addRange(last(uids), last(uids));
  return builder.bounds;
}

function sequencesOf({ shown, uids }: Found): NumberSet {
  const builder = new NumberSetBuilder();
  for (const { from, to, sequence } of shown.runsOfUids(uids)) builder.addRange(sequence, sequence + to - from - 1);
  return builder.bounds;
}

function highestModseq({ shown }: Found, uids: NumberSet): number | undefined {
  let highest: number | undefined;
  for (const { chunk, from, to } of shown.runsOfUids(uids)) {
    const { modseqs } = chunk;
    for (let i = from; i < to; i++) if (highest === undefined || (modseqs[i] as number) > highest) highest = modseqs[i];
  }
  return highest;
}
