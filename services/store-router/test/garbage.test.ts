import type { BlobGetOptions, BlobKey, BlobListOptions, BlobPutOptions, BlobStore, DataStore } from '@stoa/plugin-sdk';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { blobKey } from '../src/body/blob-key.ts';
import { type CollectProgress, collectBlobs } from '../src/body/collect-blobs.ts';
import { blobLinks, TABLE } from '../src/keys.ts';
import { collected } from './support/collected.ts';
import { inlineBlobs } from './support/embedded.ts';
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

/** Where bodies lie: each in the blob store, or the small ones inside the data store. */
const PLACES = ['outside', 'inside'] as const;
type Place = (typeof PLACES)[number];

async function setUp(place: Place) {
  let time = 1_700_000_000_000;
  const now = () => Math.floor(time);
  const pass = (ms: number) => {
    time += ms;
  };
  // The time of a blob is its store's to know.
  vi.spyOn(Date, 'now').mockImplementation(now);
  const data = new MemoryDataStore();
  const outer = new SteppedBlobs(now);
  const deletions = { active: 0 };
  /** The blobs as a process has them that works with this data store. */
  const blobsOn = async (store: DataStore): Promise<BlobStore> => {
    const blobs = place === 'outside' ? outer : await inlineBlobs(store, outer, '100 B');
    if (place === 'outside') return blobs;
    const deleteBlobs = blobs.delete.bind(blobs);
    blobs.delete = async (keys, options) => {
      deletions.active++;
      await deleteBlobs(keys, options);
      deletions.active--;
    };
    return blobs;
  };
  const blobs = await blobsOn(data);
  const router = testRouter({ data, blobs, now });
  const collect = async (store: DataStore = data, from = blobs): Promise<CollectProgress> => {
    let last: CollectProgress | undefined;
    for await (const progress of collectBlobs({ data: store, blobs: from }, { graceMs: GRACE, now })) last = progress;
    return last!;
  };
  const keys = async (): Promise<string[]> => (await collected(blobs.list())).flat().map(({ key }) => key);
  const isDeleting = () => deletions.active + outer.deletions > 0;
  return { now, data, outer, blobs, blobsOn, router, collect, pass, keys, isDeleting };
}

afterEach(() => vi.restoreAllMocks());

async function expungeAll(router: ReturnType<typeof testRouter>, accountId: string): Promise<void> {
  const { state } = await open(router, accountId, 'INBOX');
  const { mailboxId } = state;
  const uids = { bounds: [1, 0xffffffff] };
  await router.mail.storeFlags({ accountId, mailboxId, uids, mode: 1, flags: 8, keywords: [], knownModseq: 0 }, call());
  await router.mail.expungeMessages({ accountId, mailboxId, knownModseq: 0 }, call());
}

describe.each(PLACES)('collectBlobs, bodies %s', (place) => {
  it('deletes what nothing links, after a mark and a grace', async () => {
    const { router, keys, collect, pass, data } = await setUp(place);
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
    expect(await keys()).toEqual([blobKey(sha256('kept'))]);
    pass(GRACE);
    await collect();
    expect(data.entries().some(([key]) => key[0] === TABLE.blobMark)).toBe(false);
  });

  it('collects the body of a delivery that died between storing and committing', async () => {
    const { blobs, collect, pass } = await setUp(place);
    await blobs.put(blobKey(sha256('lost')), [Buffer.from('lost')], { size: 4 });
    pass(GRACE + 1);
    await collect();
    pass(GRACE + 1);
    expect(await collect()).toMatchObject({ deleted: 1 });
  });

  it('leaves alone what a delivery takes back, and what it finds being deleted is stored again', async () => {
    const { router, keys, collect, pass } = await setUp(place);
    const accountId = await newAccount(router);
    await deliverTo(router, accountId, 'body');
    await expungeAll(router, accountId);
    pass(GRACE + 1);
    expect(await collect()).toMatchObject({ marked: 1 });
    await deliverTo(router, accountId, 'body');
    pass(GRACE + 1);
    expect(await collect()).toMatchObject({ deleted: 0 });
    expect(await keys()).toHaveLength(1);
  });

  it('goes on with a deletion that a crash cut short', async () => {
    const { router, blobs, collect, pass, data } = await setUp(place);
    const accountId = await newAccount(router);
    await deliverTo(router, accountId, 'body');
    await expungeAll(router, accountId);
    pass(GRACE + 1);
    await collect();
    pass(GRACE + 1);
    const deleteBlobs = blobs.delete;
    blobs.delete = async () => {
      throw new Error('crash');
    };
    await expect(collect()).rejects.toThrow('crash');
    expect(data.entries().some(([key]) => key[0] === TABLE.blobMark)).toBe(true);
    blobs.delete = deleteBlobs;
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
        const { data, outer, blobs, blobsOn, now, pass, collect, isDeleting } = await setUp(place);
        const interleaver = new Interleaver(seed);
        const store = new ChaoticStore(data, interleaver);
        // A wait is a step too, and time goes on with it.
        const delay = async (ms: number) => {
          pass(ms);
          await interleaver.step();
        };
        const steppedBlobs = await blobsOn(store);
        const routers = [0, 1].map(() =>
          testRouter({ data: store, blobs: steppedBlobs, now, delay, random: interleaver.random }),
        );
        const quiet = testRouter({ data, blobs, now });
        const accountId = await newAccount(quiet);
        await deliverTo(quiet, accountId, 'body');
        if (marked) {
          await expungeAll(quiet, accountId);
          pass(GRACE + 1);
          await collect();
          pass(GRACE + 1);
        }
        outer.interleaver = interleaver;
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
              await collect(store, steppedBlobs).catch((error) => expect(error).toMatchObject({ code: 'conflict' }));
            else {
              // That no single call of a store takes minutes is what the reservation relies on; all else may take hours.
              while (isDeleting() || store.active > 0) await interleaver.step();
              pass(GRACE + 1);
            }
          }
        };
        await interleaver.run(Promise.all(Array.from({ length: lanes }, (_, n) => lane(n))));
        outer.interleaver = undefined;
        const links = [];
        for await (const batch of data.scan(blobLinks(sha256('body')))) links.push(...batch);
        const { snapshot } = await open(quiet, accountId, 'INBOX');
        expect(links.length).toBe(snapshot.count);
        if (snapshot.count > 0) expect(await blobs.head(blobKey(sha256('body')))).toMatchObject({ size: 4 });
        // Whatever was left half done does not stand in the way of the next delivery for long.
        pass(GRACE + 1);
        await collect();
        await deliverTo(quiet, accountId, 'body');
        expect(Buffer.concat(await collected(blobs.get(blobKey(sha256('body')))))).toEqual(Buffer.from('body'));
      }),
      { numRuns: 500 },
    );
  });
});
