import { ByteWriter, numberSetOf, type SearchCommand, writeEsearch, writeSearch } from '@stoa/mail';
import { ok } from '../errors.ts';
import type { SelectedMailbox } from '../selected-mailbox.ts';
import type { CommandContext, Completion } from '../session-types.ts';

/** Writes what was found: SEARCH, or ESEARCH where RETURN or IMAP4rev2 asks for it (RFC 4731, 5182, 7162). */
export function respond(
  context: CommandContext,
  selected: SelectedMailbox,
  command: SearchCommand,
  uids: readonly number[],
  modseqAsked: boolean,
): Completion {
  const wanted =
    command.return ??
    (context.options.rev2 ? { min: false, max: false, all: true, count: false, save: false } : undefined);
  const numbers = command.uid ? uids : uids.map((uid) => selected.shown.sequenceOf(uid));
  const out = new ByteWriter();
  if (wanted === undefined) {
    writeSearch(out, numberSetOf(numbers), modseqAsked ? highestModseq(selected, uids) : undefined);
    context.writer.write(out.take());
    return ok('SEARCH completed');
  }
  const { min, max, all, count, save } = wanted;
  if (save) selected.saved = numberSetOf(savedOf(uids, wanted));
  // SAVE alone answers nothing (RFC 5182 section 2.4).
  if (min || max || all || count) {
    const shown = min || max ? [...(min ? uids.slice(0, 1) : []), ...(max ? uids.slice(-1) : [])] : uids;
    writeEsearch(out, command.tag, command.uid, {
      min: min ? numbers[0] : undefined,
      max: max ? numbers.at(-1) : undefined,
      all: all ? numberSetOf(numbers) : undefined,
      count: count ? numbers.length : undefined,
      modSeq: modseqAsked && uids.length > 0 ? highestModseq(selected, all || count ? uids : shown) : undefined,
    });
    context.writer.write(out.take());
  }
  return ok('SEARCH completed');
}

/** What SAVE keeps: with MIN or MAX and neither ALL nor COUNT only those (RFC 5182 section 2.4). */
function savedOf(uids: readonly number[], { min, max, all, count }: NonNullable<SearchCommand['return']>): number[] {
  if (all || count || (!min && !max)) return [...uids];
  const kept = [...(min ? uids.slice(0, 1) : []), ...(max ? uids.slice(-1) : [])];
  return [...new Set(kept)].sort((a, b) => a - b);
}

function highestModseq(selected: SelectedMailbox, uids: readonly number[]): number {
  let highest = 0;
  for (const uid of uids) {
    const found = selected.shown.find(uid);
    if (found !== undefined) highest = Math.max(highest, found.chunk.modseqs[found.index] as number);
  }
  return highest;
}
