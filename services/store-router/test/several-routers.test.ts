import { describe, expect, it } from 'vitest';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { deliverTo, newAccount, testRouter } from './support/router.ts';
import { WrappedStore } from './support/wrapped-store.ts';

/** What a number of deliveries costs, made in turn by so many routers on one store that all keep the account in their caches. */
async function cost(count: number, deliveries: number) {
  const store = new WrappedStore(new MemoryDataStore());
  const blobs = new MemoryBlobStore(Date.now);
  const routers = Array.from({ length: count }, () => testRouter({ data: store, blobs, delay: async () => {} }));
  const [first] = routers;
  const accountId = await newAccount(first as (typeof routers)[number]);
  const deliver = async (times: number) => {
    for (let i = 0; i < times; i++) {
      await deliverTo(routers[i % count] as (typeof routers)[number], accountId, `Subject: ${i}\r\n\r\n${i}\r\n`);
    }
  };
  await deliver(4 * count);
  const [gets, commits] = [store.gets, store.commits];
  await deliver(deliveries);
  return { gets: (store.gets - gets) / deliveries, commits: (store.commits - commits) / deliveries };
}

describe('routers that change the same account in turn', () => {
  it('learn to look before they commit: a delivery is one commit, not a refused one and another', async () => {
    const alone = await cost(1, 20);
    const together = await cost(2, 20);
    expect(together.commits).toBe(alone.commits);
  });

  it('a router that is alone does not look', async () => {
    const first = await cost(1, 20);
    const later = await cost(1, 200);
    expect(later).toEqual(first);
  });
});
