import { defineDriver, type MemoryStore, StoaError } from '@stoa/plugin-sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { recordingLogger } from '../../../test/recording-logger.ts';
import { parseAddress } from '../../config/types.ts';
import { remoteConfig, remoteDriver } from './factory.ts';
import { type ServedPlugin, servePlugin } from './serve-plugin.ts';

const logger = recordingLogger();
const context = { logger, dataDirectory: '/nowhere', nodeId: 'n1' };
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

let opened = 0;
const factory = defineDriver({
  name: 'tiny',
  kind: 'memory',
  sdk: '^1.0.0',
  configSchema: z.strictObject({ flavour: z.string() }),
  capabilities: { shared: 'process', deletePrefix: false },
  async create({ flavour }) {
    opened += 1;
    if (flavour === 'none') throw new StoaError('invalid-configuration', 'choose a flavour');
    return {
      get: async () => Buffer.from(flavour),
      check: async () => {},
      close: async () => {},
    } as unknown as MemoryStore;
  },
});

const text = async (driver: MemoryStore) => Buffer.from((await driver.get('k')) ?? []).toString();

async function serve(address = '127.0.0.1:0'): Promise<ServedPlugin> {
  const listen = parseAddress(address) as { host: string; port: number };
  const served = await servePlugin({ factory, listen, context, logger });
  closing.push(() => served.stop());
  return served;
}

async function open(address: string, config: object, kind: 'memory' | 'data' = 'memory') {
  const remote = remoteDriver(kind, '/');
  const driver = await remote.create(remoteConfig.parse({ address, config, 'connect-timeout': '500ms' }), context);
  closing.push(() => driver.close());
  return { driver: driver as MemoryStore, remote };
}

describe('a driver in another process', () => {
  it('is configured from here and tells what it can do', async () => {
    const { driver, remote } = await open((await serve()).address, { flavour: 'mint' });
    expect(await text(driver)).toBe('mint');
    expect(remote.capabilities).toEqual({ shared: 'network', deletePrefix: false });
    expect(driver.deletePrefix).toBeUndefined();
    await driver.check();
  });

  it('is opened once for all who configure it alike, and refuses others', async () => {
    const { address } = await serve();
    const before = opened;
    await open(address, { flavour: 'mint' });
    await open(address, { flavour: 'mint' });
    expect(opened).toBe(before + 1);
    await expect(open(address, { flavour: 'lime' })).rejects.toThrow(/another configuration/);
  });

  it('says what is wrong with its configuration, and takes a better one', async () => {
    const { address } = await serve();
    await expect(open(address, { flavour: 1 })).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringContaining('flavour: '),
    });
    await expect(open(address, { flavour: 'none' })).rejects.toThrow('choose a flavour');
    await open(address, { flavour: 'mint' });
  });

  it('is refused when it is of another kind', async () => {
    await expect(open((await serve()).address, {}, 'data')).rejects.toThrow(/is of kind "memory", not "data"/);
  });

  it('says that nobody answers', async () => {
    await expect(open('127.0.0.1:1', {})).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('no driver answers at 127.0.0.1:1'),
    });
  });

  it('is configured anew after it was started again', async () => {
    const first = await serve();
    const { driver } = await open(first.address, { flavour: 'mint' });
    await first.stop();
    await expect(driver.get('k')).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    await serve(first.address);
    await expect.poll(() => text(driver).catch(() => ''), { timeout: 10_000 }).toBe('mint');
  });

  it('needs mutual TLS beyond loopback', async () => {
    await expect(open('192.0.2.1:1', {})).rejects.toThrow(/needs memory\.tls/);
    await expect(serve('0.0.0.0:0')).rejects.toMatchObject({ code: 'invalid-configuration' });
  });

  it('is not called after it was closed', async () => {
    const { driver } = await open((await serve()).address, { flavour: 'mint' });
    await driver.close();
    await driver.close();
    await expect(driver.get('k')).rejects.toMatchObject({ code: 'unavailable' });
  });
});
