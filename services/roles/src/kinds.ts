import type { RolesConfig } from './config.ts';
import type { Role } from './role.ts';
import { shardsOf } from './shard.ts';

/** Work on a whole store may take long; each step of it reports, so only silence counts. */
const STEP_TIMEOUT_MS = 30 * 60_000;

/** The last item of a stream of progress reports. */
async function last<T>(reports: AsyncIterable<T>): Promise<T | undefined> {
  let latest: T | undefined;
  for await (const report of reports) latest = report;
  return latest;
}

/** The table of roles. */
export function roleKinds(config: RolesConfig, nodeId: string): Role[] {
  return [
    {
      name: 'purge.stores',
      shards: shardsOf(config.purge.stores, nodeId),
      intervalMs: config['purge-interval'],
      async run({ maintenance, fence, signal }) {
        const request = { fence, graceMs: config['blob-grace'] };
        const done = await last(maintenance.collectBlobs(request, { signal, timeoutMs: STEP_TIMEOUT_MS }));
        return `${done?.examined ?? 0} blobs examined, ${done?.marked ?? 0} marked, ${done?.deleted ?? 0} deleted`;
      },
    },
    {
      name: 'purge.accounts',
      shards: shardsOf(config.purge.accounts, nodeId),
      intervalMs: config['purge-interval'],
      async run({ maintenance, fence, signal }) {
        const request = { fence, changeLogMs: config['change-log-age'] };
        const done = await last(maintenance.purgeAccounts(request, { signal, timeoutMs: STEP_TIMEOUT_MS }));
        return `${done?.examined ?? 0} accounts examined, ${done?.removedKeys ?? 0} keys removed`;
      },
    },
    {
      name: 'fts-indexing',
      shards: shardsOf(config['fts-indexing']['fts-indexing'], nodeId),
      intervalMs: config['index-interval'],
      async run({ maintenance, fence, signal, accountIds }) {
        const request = { fence, accountIds };
        const done = await last(maintenance.indexMailboxes(request, { signal, timeoutMs: STEP_TIMEOUT_MS }));
        return `${done?.messages ?? 0} messages in ${done?.mailboxes ?? 0} mailboxes indexed`;
      },
    },
  ];
}
