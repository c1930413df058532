import type { Implementation, storage } from '@stoa/contracts';
import { type BlobStore, type DataCondition, type Driver, toStoaError } from '@stoa/plugin-sdk';
import type { Accounts } from '../account/index.ts';
import { purgeAccounts } from '../account/purge-accounts.ts';
import { collectBlobs } from '../body/collect-blobs.ts';
import type { Directory } from '../directory/directory.ts';
import type { Leases } from '../lease/leases.ts';
import { type IndexContext, indexMailboxes } from '../mail/index-mailboxes.ts';
import type { Queue } from '../queue/queue.ts';

export interface MaintenanceDeps {
  accounts: Accounts;
  directory: Directory;
  blobs: BlobStore;
  index: IndexContext;
  leases: Leases;
  queue: Queue;
  stores: readonly { kind: string; driver: string; store: Pick<Driver, 'check'> }[];
  now(): number;
}

/** MaintenanceService: leases, and the storage side of background work. */
export function maintenanceService(deps: MaintenanceDeps): Implementation<typeof storage.MaintenanceServiceDefinition> {
  const { accounts, directory, blobs, index, leases, queue, stores, now } = deps;
  const guarded = (fence: storage.Fence | undefined) =>
    fence === undefined
      ? {}
      : { fence: (): Promise<readonly DataCondition[]> => leases.fence(fence.lease, fence.token) };

  return {
    acquireLease: ({ name, owner, ttlMs }) => leases.acquire(name, owner, ttlMs),

    async releaseLease({ name, owner }) {
      await leases.release(name, owner);
      return {};
    },

    collectBlobs: ({ fence, graceMs }, { signal }) =>
      collectBlobs({ data: accounts.store, blobs }, { graceMs, now, signal, ...guarded(fence) }),

    async *purgeAccounts({ fence, changeLogMs }, { signal }) {
      const guard = guarded(fence);
      await guard.fence?.();
      let removedKeys = await queue.purgeMarkers({ now, signal, ...guard });
      const markers = removedKeys;
      let examined = 0;
      for await (const progress of purgeAccounts(
        { accounts, search: index.search },
        { changeLogMs, now, signal, ...guard },
      )) {
        removedKeys = markers + progress.removedKeys;
        examined = progress.examined;
        yield { examined, removedKeys };
      }
      yield { examined, removedKeys };
    },

    indexMailboxes: ({ fence, accountIds: ids }, { signal }) =>
      indexMailboxes(index, { accountIds: ids, signal, ...guarded(fence) }),

    async getStoreStats() {
      const statuses = stores.map(async ({ kind, driver, store }) => {
        const failure = await store.check().then(
          () => undefined,
          (error: unknown) => toStoaError(error),
        );
        return { kind, driver, healthy: failure === undefined, detail: failure?.message ?? '' };
      });
      return {
        accounts: await directory.countAccounts(),
        queueEntries: await queue.count(),
        stores: await Promise.all(statuses),
      };
    },
  };
}
