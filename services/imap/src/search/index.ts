import type { MailboxSnapshot, NumberSet, SearchCommand, SearchKey } from '@stoa/mail';
import type { SelectedMailbox } from '../selected-mailbox.ts';
import type { CommandContext, Completion } from '../session-types.ts';
import { eachKey, evaluate, type IndexedMessage, type SearchFacts } from './evaluate.ts';
import { narrow } from './narrow.ts';
import { respond } from './respond.ts';
import { verify } from './verify.ts';

/** Messages after which the event loop gets a turn. */
const MESSAGES_PER_TURN = 20_000;

/**
 * SEARCH and UID SEARCH (RFC 9051 section 6.4.4). First what the index of the mailbox can decide, then what the full-text
 * index rules out, then the messages that are left are read; so the result never depends on how far an index has come.
 */
export async function runSearch(
  context: CommandContext,
  selected: SelectedMailbox,
  command: SearchCommand,
): Promise<Completion> {
  const root: SearchKey = { type: 'and', keys: command.keys };
  const keys = [...eachKey(root)];
  if (keys.some((key) => key.type === 'modseq')) context.enableCondstore();
  const facts = factsOf(selected, keys);
  const found = await search(context, selected, root, keys, facts);
  return respond(
    context,
    selected,
    command,
    found,
    keys.some((key) => key.type === 'modseq'),
  );
}

function factsOf(selected: SelectedMailbox, keys: readonly SearchKey[]): SearchFacts {
  const sets = new Map<SearchKey, NumberSet>();
  for (const key of keys) {
    if (key.type === 'uid' || key.type === 'sequence') sets.set(key, selected.resolve(key.set, key.type === 'uid'));
  }
  return { keywords: selected.keywords, isRecent: (uid) => selected.isRecent(uid), sets };
}

function* eachMessage(snapshot: MailboxSnapshot): Generator<IndexedMessage> {
  for (const { chunk, from, to, sequence } of snapshot.runs()) {
    for (let index = from; index < to; index++) {
      yield { chunk, index, sequence: sequence + index - from, uid: chunk.uids[index] as number };
    }
  }
}

/** UIDs that match, ascending. */
async function search(
  context: CommandContext,
  selected: SelectedMailbox,
  root: SearchKey,
  keys: readonly SearchKey[],
  facts: SearchFacts,
): Promise<number[]> {
  const found: number[] = [];
  const open: IndexedMessage[] = [];
  let seen = 0;
  for (const message of eachMessage(selected.shown)) {
    const verdict = evaluate(facts, message, root, () => undefined);
    if (verdict === true) found.push(message.uid);
    else if (verdict === undefined) open.push(message);
    seen += 1;
    if (seen % MESSAGES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  if (open.length === 0) return found;

  const narrowing = await narrow(context, selected, keys);
  const unread = new Map<number, IndexedMessage>();
  for (const message of open) {
    const verdict = evaluate(facts, message, root, (key) => narrowing.verdict(key, message.uid));
    if (verdict === true) found.push(message.uid);
    else if (verdict === undefined) unread.set(message.uid, message);
  }
  if (unread.size > 0) {
    await verify(context, selected, [...unread.keys()], keys, (uid, answers) => {
      const message = unread.get(uid);
      if (message !== undefined && evaluate(facts, message, root, answers) === true) found.push(uid);
    });
  }
  return found.sort((a, b) => a - b);
}
