import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DriverContext, hasCode } from '@stoa/plugin-sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from './config.ts';
import { fromFileSystem } from './errors.ts';
import factory from './index.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
let folder: string;
let context: DriverContext;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-blob-fs-'));
  context = { logger: silent, nodeId: 'test', dataDirectory: folder };
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const create = () => factory.create(configSchema.parse({}), context);

describe('opening', () => {
  it('removes the remains of interrupted writes when they are old', async () => {
    await (await create()).close();
    const temporary = join(folder, 'blobs/tmp');
    writeFileSync(join(temporary, 'old'), 'x');
    writeFileSync(join(temporary, 'young'), 'x');
    const twoDaysAgo = Date.now() / 1000 - 48 * 3600;
    utimesSync(join(temporary, 'old'), twoDaysAgo, twoDaysAgo);
    await (await create()).close();
    expect(readdirSync(temporary)).toEqual(['young']);
  });

  it('leaves nothing behind in the temporary folder', async () => {
    const store = await create();
    await store.put('a', [Buffer.from('1')], { size: 1 });
    await store.put('a', [Buffer.from('1')], { size: 1 });
    await store.put('b', [Buffer.from('1')], { size: 2 }).catch(() => {});
    await store.put('b', [Buffer.alloc(300_000)], { size: 300_001 }).catch(() => {});
    expect(readdirSync(join(folder, 'blobs/tmp'))).toEqual([]);
    await store.close();
  });

  it('makes folders again that somebody removed', async () => {
    const store = await create();
    await store.put('abcdef', [Buffer.from('1')], { size: 1 });
    rmSync(join(folder, 'blobs/blobs/ab~'), { recursive: true });
    expect(await store.put('abcdef', [Buffer.from('1')], { size: 1 })).toEqual({ created: true });
    expect(await store.head('abcdef')).toMatchObject({ size: 1 });
    await store.close();
  });

  it('says what to set when the folder cannot be made', async () => {
    writeFileSync(join(folder, 'blobs'), 'a file');
    await expect(create()).rejects.toSatisfy(
      (error) => hasCode(error, 'invalid-configuration') && error.message.includes('set "path"'),
    );
  });

  it.each(['{"format":9}', '', 'nonsense'])('refuses a folder of another format: %s', async (stamp) => {
    mkdirSync(join(folder, 'blobs'));
    writeFileSync(join(folder, 'blobs/stoa-blobs.json'), stamp);
    await expect(create()).rejects.toSatisfy((error) => hasCode(error, 'unsupported-version'));
  });
});

describe('fromFileSystem', () => {
  it.each([
    ['ENOSPC', 'storage-full'],
    ['EDQUOT', 'storage-full'],
    ['EMFILE', 'unavailable'],
    ['EIO', 'unavailable'],
  ])('%s is %s', (code, expected) => {
    expect(fromFileSystem(Object.assign(new Error('failed'), { code })).code).toBe(expected);
  });
});
