import { eachRun, keywordNumbers, keywordWords, type NumberSet, NumberSetBuilder, SYSTEM_FLAGS } from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import {
  checkQuota,
  insertMessages,
  keywordNumbersFor,
  messageRows,
  type NewMessage,
  removeMessages,
} from '../account/messages.ts';
import type { AccountTransaction } from '../account/transaction.ts';

/** Rows and octets that one commit writes at most for a transfer; more take several commits. */
const ROWS_PER_COMMIT = 8000;
const BYTES_PER_COMMIT = 8 * 1024 * 1024;

export interface Transferred {
  fromUids: number[];
  /** In the order of `fromUids`. */
  toUids: number[];
  /** What is left begins at this UID and is for the next commit; undefined: nothing is left. */
  continueAt: number | undefined;
}

/**
 * Copies messages within the account; with `move`, removes them from the source in the same commit. Fails with `over-quota`
 * where not all of the set has room, even if it takes several commits.
 */
export async function transferMessages(
  transaction: AccountTransaction,
  fromId: number,
  uids: NumberSet,
  toId: number,
  { move }: { move: boolean },
): Promise<Transferred> {
  const source = await transaction.status(fromId);
  const target = await transaction.status(toId);
  const flagsOf = new Map<number, { low: number; high: number }>();
  const used = { low: 0, high: 0 };
  let size = 0;
  for (const chunk of await transaction.chunksOf(fromId, uids, source.uidNext)) {
    eachRun(chunk, uids, (from, to) => {
      for (let i = from; i < to; i++) {
        const words = { low: chunk.flags[i]!, high: chunk.keywordsHigh[i]! };
        flagsOf.set(chunk.uids[i]!, words);
        used.low |= words.low;
        used.high |= words.high;
        size += chunk.sizes[i]!;
      }
    });
  }
  if (flagsOf.size === 0) return { fromUids: [], toUids: [], continueAt: undefined };
  if (!move) checkQuota(transaction, size);

  const numbers = keywordNumbers(used.low, used.high).filter((number) => number < source.keywords.length);
  const names = numbers.map((number) => source.keywords[number]!);
  const mapped = keywordNumbersFor(target, names, true);
  if (mapped.table !== target.keywords) transaction.setStatus(toId, { ...target, keywords: mapped.table });
  const toTarget = new Map(numbers.map((number, i) => [number, mapped.numbers[i]!]));

  const fromUids = new NumberSetBuilder();
  const messages: NewMessage[] = [];
  const maxMessages = ROWS_PER_COMMIT / (move ? 4 : 2);
  let bytes = 0;
  let continueAt: number | undefined;
  for await (const { uid, row } of messageRows(transaction, fromId, [...flagsOf.keys()])) {
    if (messages.length === maxMessages || bytes > BYTES_PER_COMMIT) {
      continueAt = uid;
      break;
    }
    bytes += row.structure.length;
    const { low, high } = flagsOf.get(uid)!;
    const words = keywordWords(keywordNumbers(low, high).flatMap((number) => toTarget.get(number) ?? []));
    words.low = (words.low | (low & SYSTEM_FLAGS)) >>> 0;
    messages.push({ ...row, words });
    fromUids.add(uid);
  }
  if (continueAt === undefined && messages.length !== flagsOf.size) {
    throw new StoaError('data-loss', 'a message of the index has no row');
  }
  if (move) await removeMessages(transaction, fromId, fromUids.bounds);
  const { first, last } = await insertMessages(transaction, toId, messages);
  return { fromUids: fromUids.bounds, toUids: [first, last], continueAt };
}
