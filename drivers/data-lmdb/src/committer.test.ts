import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataCommit, hasCode } from '@stoa/plugin-sdk';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Committer } from './committer.ts';
import type { Database } from './database.ts';

const key = (name: string) => Buffer.from(name);
const put = (name: string, text: string, equals?: string): DataCommit => ({
  conditions: [{ key: key(name), equals: equals === undefined ? undefined : Buffer.from(equals) }],
  mutations: [{ type: 'put', key: key(name), value: Buffer.from(text) }],
});

let folder: string;
let db: Database;
let committer: Committer;
let transactions: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-committer-'));
  const options = { noSubdir: false, keyEncoding: 'binary', encoding: 'binary', overlappingSync: false } as const;
  db = open<Uint8Array, Uint8Array>({ path: folder, ...options, eventTurnBatching: false });
  transactions = 0;
  const run = db.childTransaction.bind(db);
  db.childTransaction = ((action: () => unknown) => {
    transactions++;
    return run(action);
  }) as typeof db.childTransaction;
  committer = new Committer(db, folder);
});

afterEach(async () => {
  await committer.idle();
  await db.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('Committer', () => {
  it('makes one transaction, with one sync to the disk, of all commits of one turn', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => committer.commit(put(`k${i}`, 'v'), undefined)));
    expect(transactions).toBe(1);
  });

  it('gathers what comes while a transaction is under way into the next', async () => {
    const first = committer.commit(put('first', 'v'), undefined);
    await Promise.resolve();
    await Promise.resolve();
    expect(transactions).toBe(1);
    await Promise.all([first, ...Array.from({ length: 50 }, (_, i) => committer.commit(put(`k${i}`, 'v'), undefined))]);
    expect(transactions).toBe(2);
  });

  it('refuses a commit whose condition an earlier one of the same transaction broke, and it alone', async () => {
    const outcomes = await Promise.allSettled([
      committer.commit(put('a', 'one'), undefined),
      committer.commit(put('a', 'two'), undefined),
      committer.commit(put('a', 'three', 'one'), undefined),
      committer.commit(put('a', 'four', 'one, but longer'), undefined),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(outcomes.every((each) => each.status === 'fulfilled' || hasCode(each.reason, 'conflict'))).toBe(true);
    expect(Buffer.from(db.getBinary(key('a')) ?? []).toString()).toBe('three');
    expect(transactions).toBe(1);
  });
});
