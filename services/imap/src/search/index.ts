import {
  type MailboxSnapshot,
  type NumberSet,
  NumberSetBuilder,
  type SearchCommand,
  type SearchKey,
  unionOfSets,
} from '@stoa/mail';
import { ok } from '../errors.ts';
import type { CommandContext, Completion, SelectedView } from '../session-types.ts';
import { compileSearch, type Search } from './compile.ts';
import { standsInEnvelope } from './envelope-test.ts';
import { MessageLooker } from './look.ts';
import { narrow } from './narrow.ts';
import { returned, searchResponse } from './result.ts';
import { Slices } from './slices.ts';
import { FALSE, MIXED, type Test, TRUE } from './tests.ts';

/** The index is asked only where more messages than these would have to be read … */
const FEW_BODIES = 8;
/** … or more records than these, where a message's record tells all that is asked for: they are looked at faster than it answers. */
const FEW_RECORDS = 64;

/** RETURN () and, for a client of IMAP4rev2, no RETURN at all (RFC 9051 section 6.4.4). */
const RETURN_ALL = { min: false, max: false, all: true, count: false, save: false };

/**
 * SEARCH and UID SEARCH (RFC 9051 section 6.4.4, RFC 4731, RFC 5182, RFC 7162 section 3.1.5). First the columns of the
 * mailbox's index decide, then the full-text index rules messages out, then the records of those that are left tell, and
 * only what is open still is read; what is found does not depend on how far an index has come.
 *
 * Text is matched as Dovecot 2.3 does, but for what follows. TEXT has all headers, decoded and unfolded, and the text of
 * BODY; BODY has the decoded text/* parts and those of embedded messages, neither their headers, nor attachments, nor
 * what stands around the parts. A match may span lines only where a line end was asked for. Other than there: HTML is
 * text without its tags; FROM and its like match the name with quotes or without; of several Subject fields the last
 * counts, as in ENVELOPE; a message without a Date that can be read was sent on no day.
 */
export async function runSearch(
  context: CommandContext,
  selected: SelectedView,
  command: SearchCommand,
): Promise<Completion> {
  const withModseq = command.keys.some(asksForModseq);
  if (withModseq) context.enableCondstore();
  const options = command.return ?? (context.options.rev2 ? RETURN_ALL : undefined);
  const { shown } = selected;
  let uids: NumberSet;
  try {
    uids = await findMessages(context, selected, command.keys);
  } catch (error) {
    // A search that failed saves the empty set (RFC 5182 section 2.1).
    if (options?.save) selected.saved = [];
    throw error;
  }
  if (options?.save) selected.saved = returned(options, uids);
  context.writer.write(searchResponse(command, options, { shown, uids, withModseq }));
  return ok(options?.save ? 'SEARCH completed, result saved' : 'SEARCH completed');
}

/** UIDs of the messages that all the keys are true of. Rejects rather than leave out what could not be read. */
async function findMessages(
  context: CommandContext,
  selected: SelectedView,
  keys: readonly SearchKey[],
): Promise<NumberSet> {
  const search = compileSearch(keys, selected);
  const { shown } = selected;
  const { found, open } = await sift(context, search.test, shown, [1, shown.lastUid]);
  if (open.length === 0) return found;
  const late = await settle(context, selected, search, open);
  return late.length === 0 ? found : unionOfSets(found, late);
}

async function settle(
  context: CommandContext,
  selected: SelectedView,
  search: Search,
  open: NumberSet,
): Promise<NumberSet> {
  const { shown } = selected;
  let left = open;
  let found: NumberSet = [];
  const few = search.contents.every(({ key }) => standsInEnvelope(key)) ? FEW_RECORDS : FEW_BODIES;
  if (isMore(open, few)) {
    await narrow(context, selected, search.contents);
    ({ found, open: left } = await sift(context, search.test, shown, open));
  }
  const seen = await new MessageLooker(context, selected, search).look(left);
  return unionOfSets(found, seen);
}

function isMore(set: NumberSet, few: number): boolean {
  let count = 0;
  for (let i = 0; i + 1 < set.length && count <= few; i += 2) count += (set[i + 1] as number) - (set[i] as number) + 1;
  return count > few;
}

/** Judges messages by the mailbox's index: those that are found, and those that it does not tell. */
async function sift(
  { signal }: Pick<CommandContext, 'signal'>,
  test: Test,
  shown: MailboxSnapshot,
  uids: NumberSet,
): Promise<{ found: NumberSet; open: NumberSet }> {
  const found = new NumberSetBuilder();
  const open = new NumberSetBuilder();
  const slices = new Slices(signal);
  const { verdicts } = test;
  for (const run of shown.runsOfUids(uids)) {
    const all = test.judge(run);
    const { chunk, from, to } = run;
    if (all === MIXED) {
      for (let i = from; i < to; i++) {
        const verdict = verdicts[i - from];
        if (verdict !== FALSE) (verdict === TRUE ? found : open).add(chunk.uidAt(i));
      }
    } else if (all !== FALSE) {
      const builder = all === TRUE ? found : open;
      if (chunk.hasGaps) for (let i = from; i < to; i++) builder.add(chunk.uidAt(i));
      else builder.addRange(chunk.uidAt(from), chunk.uidAt(to - 1));
    }
    if (slices.isOver) await slices.next();
  }
  return { found: found.bounds, open: open.bounds };
}

function asksForModseq(key: SearchKey): boolean {
  switch (key.type) {
    case 'modseq':
      return true;
    case 'not':
      return asksForModseq(key.key);
    case 'or':
      return asksForModseq(key.left) || asksForModseq(key.right);
    case 'and':
      return key.keys.some(asksForModseq);
    default:
      return false;
  }
}
