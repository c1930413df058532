import type { DataCommit } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { Committer } from './committer.ts';
import { integerArray } from './encode.ts';

interface Sent {
  /** How many puts the transaction has. */
  puts: number;
  alone: boolean;
  answer(failed?: number[]): void;
  fail(error: unknown): void;
}

/** A server whose answers are given by the test. */
function fixture(lanes = 1) {
  const sent: Sent[] = [];
  let arrived = () => {};
  const committer = new Committer(
    (values) =>
      new Promise((resolve, reject) => {
        sent.push({
          puts: count(values[9]!),
          alone: values[0]!.equals(integerArray([0])),
          answer: (failed = []) => resolve(`{${failed.join(',')}}`),
          fail: reject,
        });
        arrived();
      }),
    lanes,
  );
  /** The transaction of that number, once it is there. */
  const transaction = async (index: number): Promise<Sent> => {
    while (sent.length <= index) await new Promise<void>((resolve) => (arrived = resolve));
    return sent[index]!;
  };
  return { committer, sent, transaction };
}

const count = (array: Buffer) => (array.length === 12 ? 0 : array.readInt32BE(12));
const put = (...keys: string[]): DataCommit => ({
  conditions: [],
  mutations: keys.map((key) => ({ type: 'put', key: Buffer.from(key), value: Buffer.from('v') })),
});
const absent = (...keys: string[]): DataCommit => ({
  conditions: keys.map((key) => ({ key: Buffer.from(key), equals: undefined })),
  mutations: [],
});
const deleteAll: DataCommit = {
  conditions: [],
  mutations: [{ type: 'delete-range', range: { start: Buffer.from('a'), end: Buffer.from('z') } }],
};
const answered = (code: string) => Object.assign(new Error('no'), { code, severity: 'ERROR' });
const outcome = (commit: Promise<void>) =>
  commit.then(
    () => 'done',
    (error) => error.code,
  );

describe('Committer', () => {
  it('takes what waits into one transaction, in which each fails alone', async () => {
    const { committer, transaction } = fixture();
    const first = ['a', 'b', 'c'].map((key) => outcome(committer.commit(put(key), undefined)));
    const one = await transaction(0);
    expect(one.puts).toBe(3);
    const second = ['d', 'e'].map((key) => outcome(committer.commit(put(key), undefined)));
    one.answer([1]);
    expect(await Promise.all(first)).toEqual(['done', 'conflict', 'done']);
    (await transaction(1)).answer();
    expect(await Promise.all(second)).toEqual(['done', 'done']);
  });

  it('keeps commits on the same key apart and in order, and lets others by', async () => {
    const { committer, sent, transaction } = fixture(2);
    const commits = [put('a'), put('a', 'b'), put('b'), put('c')];
    const outcomes = commits.map((commit) => outcome(committer.commit(commit, undefined)));
    const one = await transaction(0);
    expect(one.puts).toBe(2); // the first a, and c
    expect(sent).toHaveLength(1);
    one.answer();
    const two = await transaction(1);
    expect(two.puts).toBe(2); // a and b; the other b waits
    two.answer();
    (await transaction(2)).answer();
    expect(await Promise.all(outcomes)).toEqual(['done', 'done', 'done', 'done']);
  });

  it('lets commits share what they only compare', async () => {
    const { committer, transaction } = fixture();
    const outcomes = [absent('x'), absent('x'), put('x')].map((commit) => outcome(committer.commit(commit, undefined)));
    const one = await transaction(0);
    expect(one.puts).toBe(0);
    one.answer([0, 1]);
    (await transaction(1)).answer();
    expect(await Promise.all(outcomes)).toEqual(['conflict', 'conflict', 'done']);
  });

  it('sends a commit with a range alone, after those before it', async () => {
    const { committer, transaction } = fixture();
    const outcomes = [put('a'), deleteAll, put('b')].map((commit) => outcome(committer.commit(commit, undefined)));
    for (const [index, alone] of [false, true, false].entries()) {
      const sent = await transaction(index);
      expect(sent.alone).toBe(alone);
      sent.answer();
    }
    expect(await Promise.all(outcomes)).toEqual(['done', 'done', 'done']);
  });

  it('finds out which commit spoilt a transaction for the others', async () => {
    const { committer, transaction } = fixture();
    const outcomes = ['a', 'b'].map((key) => outcome(committer.commit(put(key), undefined)));
    (await transaction(0)).fail(answered('53100'));
    (await transaction(1)).answer();
    (await transaction(2)).fail(answered('53100'));
    expect(await Promise.all(outcomes)).toEqual(['done', 'storage-full']);
  });

  it('does not send again what may have been done', async () => {
    const { committer, sent, transaction } = fixture();
    const outcomes = ['a', 'b'].map((key) => outcome(committer.commit(put(key), undefined)));
    (await transaction(0)).fail(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    expect(await Promise.all(outcomes)).toEqual(['unavailable', 'unavailable']);
    await committer.idle();
    expect(sent).toHaveLength(1);
  });

  it('sends again what was rolled back for the sake of others, but not forever', async () => {
    const { committer, transaction } = fixture();
    const lucky = outcome(committer.commit(put('a'), undefined));
    (await transaction(0)).fail(answered('40P01'));
    (await transaction(1)).answer();
    expect(await lucky).toBe('done');
    const unlucky = outcome(committer.commit(put('a'), undefined));
    for (let attempt = 2; attempt < 7; attempt += 1) (await transaction(attempt)).fail(answered('40001'));
    expect(await unlucky).toBe('unavailable');
  });

  it('takes one lock for all where the server has no room for many', async () => {
    const { committer, transaction } = fixture();
    const commit = outcome(committer.commit(put('a', 'b'), undefined));
    const crowded = await transaction(0);
    expect(crowded.alone).toBe(false);
    crowded.fail(answered('53200'));
    const alone = await transaction(1);
    expect(alone.alone).toBe(true);
    alone.fail(answered('53200'));
    expect(await commit).toBe('resource-exhausted');
  });

  it('drops what is cancelled while it waits', async () => {
    const { committer, sent, transaction } = fixture();
    const controller = new AbortController();
    const first = outcome(committer.commit(put('a'), undefined));
    const one = await transaction(0);
    const second = outcome(committer.commit(put('b'), controller.signal));
    controller.abort();
    one.answer();
    expect(await first).toBe('done');
    expect(await second).toBe('cancelled');
    await committer.idle();
    expect(sent).toHaveLength(1);
  });
});
