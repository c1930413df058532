import type { BlobGetOptions, BlobKey, BlobListOptions, BlobPutOptions } from '@stoa/plugin-sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blobKey } from '../src/body/blob-key.ts';
import { type CollectProgress, collectBlobs } from '../src/body/collect-blobs.ts';
import { blobLinks, TABLE } from '../src/keys.ts';
import { ChaoticStore, Interleaver } from './support/interleaver.ts';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { append, call, deliverTo, newAccount, open, sha256, testRouter } from './support/router.ts';

const GRACE = 3_600_000;

/** Blobs whose calls are steps of an interleaver. */
class SteppedBlobs extends MemoryBlobStore {
  interleaver: Interleaver | undefined;
  /** Under way now. */
  deletions = 0;

  async #step(): Promise<void> {
    await this.interleaver?.step();
  }

  override async put(
    key: BlobKey,
    source: Iterable<Uint8Array>,
    options: BlobPutOptions,
  ): Promise<{ created: boolean }> {
    await this.#step();
    const result = await super.put(key, source, options);
    await this.#step();
    return result;
  }

  override async delete(keys: readonly BlobKey[]): Promise<void> {
    this.deletions++;
    await this.#step();
    await super.delete(keys);
    await this.#step();
    this.deletions--;
  }

  override async *list(options?: BlobListOptions) {
    await this.#step();
    yield* super.list(options);
  }

  override async *get(key: BlobKey, options?: BlobGetOptions) {
    yield* super.get(key, options);
  }
}

function setUp() {
  let time = 1_700_000_000_000;
  const now = () => time;
  const pass = (ms: number) => {
    time += ms;
  };
  const data = new MemoryDataStore();
  const blobs = new SteppedBlobs(now);
  const router = testRouter({ data, blobs, now });
  const collect = async (store = data): Promise<CollectProgress> => {
    let last: CollectProgress | undefined;
    for await (const progress of collectBlobs({ data: store, blobs }, { graceMs: GRACE, now })) last = progress;
    return last!;
  };
  return { now, data, blobs, router, collect, pass };
}

async function expungeAll(router: ReturnType<typeof testRouter>, accountId: string): Promise<void> {
  const { state } = await open(router, accountId, 'INBOX');
  const { mailboxId } = state;
  const uids = { bounds: [1, 0xffffffff] };
  await router.mail.storeFlags({ accountId, mailboxId, uids, mode: 1, flags: 8, keywords: [], knownModseq: 0 }, call());
  await router.mail.expungeMessages({ accountId, mailboxId, knownModseq: 0 }, call());
}

describe('collectBlobs', () => {
  it('deletes what nothing links, after a mark and a grace', async () => {
    const { router, blobs, collect, pass, data } = setUp();
    const accountId = await newAccount(router);
    await append(router, accountId, 'INBOX', 'kept');
    await append(router, accountId, 'INBOX', 'gone', { flags: 8 });
    const { state } = await open(router, accountId, 'INBOX');
    await router.mail.expungeMessages({ accountId, mailboxId: state.mailboxId, knownModseq: 0 }, call());
    expect(await collect()).toMatchObject({ examined: 2, marked: 0, deleted: 0 });
    pass(GRACE + 1);
    expect(await collect()).toMatchObject({ marked: 1, deleted: 0 });
    pass(GRACE / 2);
    expect(await collect()).toMatchObject({ marked: 0, deleted: 0 });
    pass(GRACE);
    expect(await collect()).toMatchObject({ marked: 0, deleted: 1, deletedBytes: 4 });
    expect([...blobs.blobs.keys()]).toEqual([blobKey(sha256('kept'))]);
    pass(GRACE);
    await collect();
    expect(data.entries().some(([key]) => key[0] === TABLE.blobMark)).toBe(false);
  });

  it('collects the body of a delivery that died between storing and committing', async () => {
    const { blobs, collect, pass } = setUp();
    await blobs.put(blobKey(sha256('lost')), [Buffer.from('lost')], { size: 4 });
    pass(GRACE + 1);
    await collect();
    pass(GRACE + 1);
    expect(await collect()).toMatchObject({ deleted: 1 });
  });

  it('leaves alone what a delivery takes back, and what it finds being deleted is stored again', async () => {
    const { router, blobs, collect, pass } = setUp();
    const accountId = await newAccount(router);
    await deliverTo(router, accountId, 'body');
    await expungeAll(router, accountId);
    pass(GRACE + 1);
    expect(await collect()).toMatchObject({ marked: 1 });
    await deliverTo(router, accountId, 'body');
    pass(GRACE + 1);
    expect(await collect()).toMatchObject({ deleted: 0 });
    expect(blobs.blobs.size).toBe(1);
  });

  it('goes on with a deletion that a crash cut short', async () => {
    const { router, blobs, collect, pass, data } = setUp();
    const accountId = await newAccount(router);
    await deliverTo(router, accountId, 'body');
    await expungeAll(router, accountId);
    pass(GRACE + 1);
    await collect();
    pass(GRACE + 1);
    blobs.delete = async () => {
      throw new Error('crash');
    };
    await expect(collect()).rejects.toThrow('crash');
    expect(data.entries().some(([key]) => key[0] === TABLE.blobMark)).toBe(true);
    Reflect.deleteProperty(blobs, 'delete');
    expect(await collect()).toMatchObject({ deleted: 0 });
    pass(GRACE);
    expect(await collect()).toMatchObject({ deleted: 1 });
    expect((await deliverTo(router, accountId, 'body')).uid).toBe(2);
  });

  it('never deletes a body that is linked, however it and deliveries of the same body interleave', async () => {
    const plan = fc.record({
      seed: fc.nat(),
      marked: fc.boolean(),
      steps: fc.array(fc.constantFrom('deliver', 'collect', 'expunge', 'age'), { minLength: 3, maxLength: 10 }),
      lanes: fc.integer({ min: 2, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ seed, marked, steps, lanes }) => {
        const { data, blobs, now, pass, collect } = setUp();
        const interleaver = new Interleaver(seed);
        const store = new ChaoticStore(data, interleaver);
        // A wait is a step too, and time goes on with it.
        const delay = async (ms: number) => {
          pass(ms);
          await interleaver.step();
        };
        const routers = [0, 1].map(() => testRouter({ data: store, blobs, now, delay, random: interleaver.random }));
        const quiet = testRouter({ data, blobs, now });
        const accountId = await newAccount(quiet);
        await deliverTo(quiet, accountId, 'body');
        if (marked) {
          await expungeAll(quiet, accountId);
          pass(GRACE + 1);
          await collect();
          pass(GRACE + 1);
        }
        blobs.interleaver = interleaver;
        const lane = async (n: number) => {
          for (const [i, step] of steps.entries()) {
            if (i % lanes !== n) continue;
            // A deletion that was given up half done makes deliveries of the same body wait for its end for a while.
            if (step === 'deliver') {
              await deliverTo(routers[n % 2]!, accountId, 'body').catch((error) =>
                expect(error).toMatchObject({ code: 'unavailable' }),
              );
            } else if (step === 'expunge') await expungeAll(routers[n % 2]!, accountId);
            else if (step === 'collect')
              await collect(store as never).catch((error) => expect(error).toMatchObject({ code: 'conflict' }));
            else {
              // That no single call of a store takes minutes is what the reservation relies on; all else may take hours.
              while (blobs.deletions > 0 || store.active > 0) await interleaver.step();
              pass(GRACE + 1);
            }
          }
        };
        await interleaver.run(Promise.all(Array.from({ length: lanes }, (_, n) => lane(n))));
        blobs.interleaver = undefined;
        const links = [];
        for await (const batch of data.scan(blobLinks(sha256('body')))) links.push(...batch);
        const { snapshot } = await open(quiet, accountId, 'INBOX');
        expect(links.length).toBe(snapshot.count);
        if (snapshot.count > 0) expect(blobs.blobs.has(blobKey(sha256('body')))).toBe(true);
        // Whatever was left half done does not stand in the way of the next delivery for long.
        pass(GRACE + 1);
        await collect();
        await deliverTo(quiet, accountId, 'body');
        expect(blobs.blobs.has(blobKey(sha256('body')))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
