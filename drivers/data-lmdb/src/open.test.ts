import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DriverContext, hasCode } from '@stoa/plugin-sdk';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { configSchema } from './config.ts';
import { STAMP_KEY } from './database.ts';
import { fromLmdb } from './errors.ts';
import factory from './index.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
let folder: string;
let context: DriverContext;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-data-lmdb-'));
  context = { logger: silent, nodeId: 'test', dataDirectory: folder };
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

function create(settings: object = {}) {
  return factory.create(configSchema.parse(settings), context);
}

function openRaw(path: string) {
  const options = { path, noSubdir: false, keyEncoding: 'binary', encoding: 'binary', overlappingSync: false } as const;
  return open<Uint8Array, Uint8Array>(options);
}

describe('opening', () => {
  it('makes the folder below the data directory', async () => {
    const store = await create({ path: 'deep/down' });
    await store.check();
    await store.close();
    const again = await create({ path: join(folder, 'deep/down') });
    await again.close();
  });

  it.each([
    ['noise', Buffer.alloc(100_000, 7)],
    ['a file that is too short', Buffer.alloc(10)],
    ['the first page alone', Buffer.concat([Buffer.alloc(24), Buffer.from('dec0efbe', 'hex'), Buffer.alloc(4068)])],
  ])('refuses a file that is no database: %s', async (_, content) => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'data/data.mdb'), content);
    await expect(create()).rejects.toSatisfy(
      (error) => hasCode(error, 'invalid-configuration') && /data\.mdb.*"path"/.test(error.message),
    );
  });

  it('refuses a database that was cut off', async () => {
    const store = await create();
    const mutations = Array.from({ length: 500 }, (_, index) => {
      return { type: 'put' as const, key: Buffer.from(`k${index}`), value: Buffer.alloc(1000) };
    });
    await store.commit({ conditions: [], mutations });
    await store.close();
    truncateSync(join(folder, 'data/data.mdb'), 3 * 4096);
    await expect(create()).rejects.toSatisfy((error) => hasCode(error, 'invalid-configuration'));
  });

  it('refuses a database that Stoa did not make, and leaves it as it is', async () => {
    const foreign = openRaw(join(folder, 'data'));
    await foreign.put(Buffer.from('k'), Buffer.from('v'));
    await foreign.close();
    await expect(create()).rejects.toSatisfy((error) => hasCode(error, 'invalid-configuration'));
    const after = openRaw(join(folder, 'data'));
    expect([...after.getKeys({ start: Buffer.from([0]) })]).toEqual([Buffer.from('k')]);
    await after.close();
  });

  it.each(['{"format":2}', 'nonsense'])('refuses a database of another format: %s', async (stamp) => {
    await (await create()).close();
    const raw = openRaw(join(folder, 'data'));
    await raw.put(STAMP_KEY, Buffer.from(stamp));
    await raw.close();
    await expect(create()).rejects.toSatisfy((error) => hasCode(error, 'unsupported-version'));
  });

  it('says what to set when the folder cannot be made', async () => {
    writeFileSync(join(folder, 'data'), 'a file');
    await expect(create()).rejects.toSatisfy(
      (error) => hasCode(error, 'invalid-configuration') && error.message.includes('set "path"'),
    );
  });

  it('never shows its own stamp', async () => {
    const store = await create();
    const range = { start: new Uint8Array(1), end: new Uint8Array(1024).fill(0xff) };
    for (const reverse of [false, true]) {
      for await (const batch of store.scan(range, { reverse })) expect(batch).toEqual([]);
    }
    await store.commit({ conditions: [], mutations: [{ type: 'delete-range', range }] });
    await store.close();
    await (await create()).close();
  });
});

describe('scanning', () => {
  const range = { start: Buffer.from([1]), end: Buffer.from([2]) };

  async function filled(settings: object = {}) {
    const store = await create(settings);
    const mutations = Array.from({ length: 2500 }, (_, index) => {
      const key = Buffer.from([1, index >> 8, index & 255]);
      return { type: 'put' as const, key, value: key };
    });
    await store.commit({ conditions: [], mutations });
    return store;
  }

  it('ends a scan that stays open for too long', async () => {
    const store = await filled({ 'max-scan-time': '30s' });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const scan = store.scan(range)[Symbol.asyncIterator]();
    expect((await scan.next()).done).toBe(false);
    vi.advanceTimersByTime(30_001);
    await expect(scan.next()).rejects.toSatisfy((error) => hasCode(error, 'deadline-exceeded'));
    vi.useRealTimers();
    await store.close();
  });

  it('ends the scans that are open when the store is closed', async () => {
    const store = await filled();
    const scan = store.scan(range)[Symbol.asyncIterator]();
    await scan.next();
    await store.close();
    await expect(scan.next()).rejects.toSatisfy((error) => hasCode(error, 'unavailable'));
  });

  it('refuses more snapshots than are configured, and goes on', async () => {
    const store = await filled({ 'max-readers': 16 });
    const open: AsyncIterator<unknown>[] = [];
    const fill = async () => {
      for (let round = 0; round < 40; round += 1) {
        const scan = store.scan(range)[Symbol.asyncIterator]();
        await scan.next();
        open.push(scan);
        const key = Buffer.from([3, round]);
        await store.commit({ conditions: [], mutations: [{ type: 'put', key, value: key }] });
      }
    };
    await expect(fill()).rejects.toSatisfy((error) => hasCode(error, 'resource-exhausted'));
    await Promise.all(open.map((scan) => scan.return?.()));
    expect(await store.get([Buffer.from([1, 0, 0])])).toEqual([Buffer.from([1, 0, 0])]);
    await store.close();
  });
});

describe('fromLmdb', () => {
  it('tells a full disk from other failures', async () => {
    const failed = (code: number) => Object.assign(new Error('failed'), { code });
    const wrapped = Object.assign(new Error('Commit failed'), { commitError: Promise.reject(failed(28)) });
    expect(await fromLmdb(wrapped, folder)).toMatchObject({ code: 'storage-full', retryable: true });
    expect(await fromLmdb(failed(122), folder)).toMatchObject({ code: 'storage-full' });
    expect(await fromLmdb(failed(-30790), folder)).toMatchObject({ code: 'resource-exhausted' });
    expect(await fromLmdb(failed(5), folder)).toMatchObject({ code: 'unavailable' });
    expect(await fromLmdb('odd', folder)).toMatchObject({ code: 'unavailable' });
  });
});
