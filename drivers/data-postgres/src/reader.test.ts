import type { Key } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { Reader } from './reader.ts';

const key = (text: string) => Buffer.from(text);

/** Answers each key with itself, when the test lets it. */
function fixture() {
  const reads: { keys: string[]; go: () => void; fail: (error: unknown) => void }[] = [];
  const reader = new Reader(
    (keys: readonly Key[]) =>
      new Promise((resolve, reject) => {
        reads.push({ keys: keys.map(String), go: () => resolve([...keys]), fail: reject });
      }),
    1,
  );
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { reader, reads, turn };
}

describe('Reader', () => {
  it('answers those that waited together from one statement', async () => {
    const { reader, reads, turn } = fixture();
    const first = reader.get([key('a')], undefined);
    await turn();
    const second = reader.get([key('b'), key('c')], undefined);
    const third = reader.get([key('d')], undefined);
    await turn();
    expect(reads.map(({ keys }) => keys)).toEqual([['a']]);
    reads[0]!.go();
    expect(await first).toEqual([key('a')]);
    await turn();
    expect(reads[1]!.keys).toEqual(['b', 'c', 'd']);
    reads[1]!.go();
    expect(await second).toEqual([key('b'), key('c')]);
    expect(await third).toEqual([key('d')]);
  });

  it('bounds a statement, and leaves out what was cancelled meanwhile', async () => {
    const { reader, reads, turn } = fixture();
    const controller = new AbortController();
    const large = Array.from({ length: 400 }, (_, index) => key(`${index}`));
    const calls = [
      reader.get(large, undefined),
      reader.get([key('x')], controller.signal),
      reader.get(large, undefined),
    ];
    const cancelled = expect(calls[1]).rejects.toMatchObject({ code: 'cancelled' });
    controller.abort();
    for (const expected of [400, 400]) {
      await turn();
      const read = reads.at(-1)!;
      expect(read.keys).toHaveLength(expected);
      read.go();
      await turn();
    }
    await cancelled;
    expect(await calls[2]).toHaveLength(400);
  });

  it('tells all of a failure, and goes on', async () => {
    const { reader, reads, turn } = fixture();
    const failing = [reader.get([key('a')], undefined), reader.get([key('b')], undefined)];
    await turn();
    reads[0]!.fail(new Error('lost'));
    for (const call of failing) await expect(call).rejects.toThrow('lost');
    const next = reader.get([key('a')], undefined);
    await turn();
    await turn();
    reads[1]!.go();
    expect(await next).toEqual([key('a')]);
  });
});
