import { createHash } from 'node:crypto';
import { type S3Server, startS3 } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { configFor, octetsOf, withStore } from '../test/open.ts';
import { type S3Proxy, startS3Proxy } from '../test/s3-proxy.ts';

const MIB = 1024 * 1024;
const SIZE = 200 * MIB;
const PART = 5 * MIB;
const PARTS = 3;
/** What the buffers of the kernel and of streams on the way may hold. */
const ON_THE_WAY = 16 * MIB;

vi.setConfig({ testTimeout: 120_000 });

let server: S3Server;
let proxy: S3Proxy;
beforeAll(async () => {
  server = await startS3();
  proxy = await startS3Proxy(server);
});
afterAll(async () => {
  await proxy?.stop();
  await server?.stop();
});

describe('a blob of 200 MiB', () => {
  it('is held in part only, on its way in and out', async () => {
    const piece = octetsOf(MIB, 1);
    const expected = createHash('sha256');
    const config = configFor(server, { endpoint: proxy.endpoint, 'part-size': '5 MiB', 'parts-in-flight': PARTS });
    await withStore(config, async (store) => {
      let yielded = 0;
      let mostHeld = 0;
      const before = proxy.octets.received;
      const source = function* () {
        for (let at = 0; at < SIZE; at += MIB) {
          yielded += piece.length;
          mostHeld = Math.max(mostHeld, yielded - (proxy.octets.received - before));
          expected.update(piece);
          yield piece;
        }
      };
      expect(await store.put('large', source(), { size: SIZE })).toEqual({ created: true });
      expect(mostHeld).toBeGreaterThan(PART);
      expect(mostHeld).toBeLessThanOrEqual(PARTS * PART + MIB + ON_THE_WAY);

      const found = createHash('sha256');
      let taken = 0;
      let mostAhead = 0;
      const sentBefore = proxy.octets.sent;
      for await (const chunk of store.get('large')) {
        taken += chunk.length;
        found.update(chunk);
        // The reader is slower than the server: others get their turn after each chunk.
        await new Promise((resolve) => setImmediate(resolve));
        mostAhead = Math.max(mostAhead, proxy.octets.sent - sentBefore - taken);
      }
      expect(taken).toBe(SIZE);
      expect(mostAhead).toBeLessThanOrEqual(ON_THE_WAY);
      expect(found.digest('hex')).toBe(expected.digest('hex'));
      await store.delete(['large']);
    });
  });

  it('is uploaded with several parts at a time, and its source waits for them', async () => {
    const config = configFor(server, { endpoint: proxy.endpoint, 'part-size': '5 MiB', 'parts-in-flight': PARTS });
    await withStore(config, async (store) => {
      const gates: (() => void)[] = [];
      let open = false;
      proxy.behave(({ url }) =>
        url.includes('partNumber') && !open ? { type: 'wait', until: (go) => gates.push(go) } : undefined,
      );
      let yielded = 0;
      let stalled = () => {};
      const full = new Promise<void>((resolve) => {
        stalled = resolve;
      });
      const source = function* () {
        for (let at = 0; at < 40 * MIB; at += MIB) {
          yielded += MIB;
          if (yielded > PARTS * PART) stalled();
          yield octetsOf(MIB, 1);
        }
      };
      const put = store.put('held', source(), { size: 40 * MIB });
      await full;
      // One piece is in hand for the buffer that is not free; no part was answered, so no more can be asked for.
      await expect.poll(() => gates.length).toBe(PARTS);
      expect(yielded).toBe(PARTS * PART + MIB);
      open = true;
      for (const go of gates) go();
      expect(await put).toEqual({ created: true });
      await store.delete(['held']);
    });
  });
  it('waits while other uploads hold the memory, and all of them end', async () => {
    const limits = { 'part-size': '5 MiB', 'parts-in-flight': PARTS, 'upload-memory': '12 MiB' };
    await withStore(configFor(server, { endpoint: proxy.endpoint, ...limits }), async (store) => {
      let held = 0;
      let most = 0;
      proxy.behave();
      const source = function* (octets: number) {
        for (let at = 0; at < octets; at += MIB) {
          held += MIB;
          most = Math.max(most, held - (proxy.octets.received - before));
          yield octetsOf(MIB, 1);
        }
      };
      const before = proxy.octets.received;
      const names = Array.from({ length: 12 }, (_, i) => `many-${i}`);
      // Some are one request, some have parts.
      const sizes = names.map((_, i) => (i % 2 === 0 ? 4 : 12) * MIB);
      await Promise.all(
        names.map((name, i) => store.put(name, source(sizes[i] as number), { size: sizes[i] as number })),
      );
      // Each source is a piece ahead of its upload.
      expect(most).toBeLessThanOrEqual(12 * MIB + names.length * MIB + ON_THE_WAY);
      for (const [i, name] of names.entries()) expect(await store.head(name)).toMatchObject({ size: sizes[i] });
      await store.delete(names);
    });
  });
});
