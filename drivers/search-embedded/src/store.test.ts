import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type DriverContext, hasCode, type SearchStore } from '@stoa/plugin-sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from './config.ts';
import factory from './index.ts';

const errors: string[] = [];
const logger = { debug() {}, info() {}, warn() {}, error: (_: object, message: string) => errors.push(message) };
let folder: string;
let context: DriverContext;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-search-'));
  context = { logger, nodeId: 'test', dataDirectory: folder };
  errors.length = 0;
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const create = (settings: object = {}) => factory.create(configSchema.parse(settings), context);
const scope = { accountId: 'a', mailboxId: 1 };
const term = { fields: ['body' as const], text: 'needle' };
const add = (store: SearchStore, uid: number) =>
  store.index(scope, [{ uid, fields: { body: `a needle, number ${uid}` } }], uid);

describe('the embedded search', () => {
  it('puts a damaged file aside, and starts anew', async () => {
    const first = await create({ files: 1 });
    await add(first, 1);
    await first.close();
    const path = join(folder, 'search');
    writeFileSync(join(path, '000.sqlite'), Buffer.alloc(20_000, 7));
    const second = await create({ files: 1 });
    expect(await second.indexedToUid(scope)).toBe(0);
    expect(errors).toHaveLength(1);
    await add(second, 2);
    expect((await second.query(scope, [term]))[0]!.uids).toEqual(Uint32Array.of(2));
    await second.close();
    expect(readdirSync(path).filter((name) => name.includes('.damaged-'))).not.toEqual([]);
  });

  it('refuses another number of files than the folder was made with', async () => {
    await (await create({ files: 4 })).close();
    await expect(create({ files: 5 })).rejects.toSatisfy((error) => hasCode(error, 'unsupported-version'));
    await (await create({ files: 4 })).close();
  });

  it('says what to set when the folder cannot be made', async () => {
    writeFileSync(join(folder, 'search'), 'a file');
    await expect(create()).rejects.toSatisfy(
      (error) => hasCode(error, 'invalid-configuration') && error.message.includes('set "path"'),
    );
  });

  it('finishes the calls that were made before it is closed', async () => {
    const store = await create({ files: 2 });
    const calls = Array.from({ length: 20 }, (_, index) => add(store, index + 1));
    await store.close();
    await Promise.all(calls);
    await expect(store.check()).rejects.toSatisfy((error) => hasCode(error, 'unavailable'));
    const again = await create({ files: 2 });
    expect(await again.indexedToUid(scope)).toBe(20);
    await again.close();
  });

  it('drops a call that is cancelled while it waits', async () => {
    const store = await create({ files: 1 });
    const running = add(store, 1);
    const controller = new AbortController();
    const waiting = store.index(scope, [], 9, { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toSatisfy((error) => hasCode(error, 'cancelled'));
    await running;
    await add(store, 2);
    expect(await store.indexedToUid(scope)).toBe(2);
    await store.close();
  });

  it('is made by several processes at a time', async () => {
    const script = `
      const { default: factory } = await import(process.argv[1]);
      const logger = { debug() {}, info() {}, warn() {}, error() {} };
      const store = await factory.create({ path: 'index', files: 3 }, { logger, dataDirectory: process.argv[2], nodeId: 'a' });
      await store.close();
    `;
    const folder = mkdtempSync(join(tmpdir(), 'stoa-search-'));
    const module = new URL('./index.ts', import.meta.url).href;
    const args = ['--conditions=stoa-source', '--input-type=module', '-e', script, module, folder];
    try {
      await Promise.all(Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, args)));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('leaves the event loop free while it works', async () => {
    const store = await create({ files: 1 });
    const text = Array.from({ length: 200_000 }, (_, index) => (index * 7919).toString(36)).join(' ');
    let turns = 0;
    let done = false;
    const indexing = store.index(scope, [{ uid: 1, fields: { body: text } }], 1).finally(() => {
      done = true;
    });
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
    await indexing;
    expect(turns).toBeGreaterThan(20);
    await store.close();
  });
});
