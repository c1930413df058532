import type { RolesConfig, ScheduleConfig } from './config.ts';
import type { Role, RoleRun } from './role.ts';
import { shardsOf } from './shards.ts';

/** Work on whole stores takes as long as it takes; what counts is that it goes on, and the runner watches that. */
const CALL_TIMEOUT_MS = 24 * 3_600_000;

const FIRST_PURGE_MS = 60_000;

/** The last item of a stream of progress reports. */
async function last<T>(reports: AsyncIterable<T>, progress: () => void): Promise<T | undefined> {
  let latest: T | undefined;
  for await (const report of reports) {
    latest = report;
    progress();
  }
  return latest;
}

function timing({ enabled, interval, jitter }: ScheduleConfig) {
  return { enabled, intervalMs: interval, jitter };
}

function step({ fence, partition, signal }: RoleRun) {
  return {
    request: { fence, ...(partition === undefined ? {} : { partition }) },
    call: { signal, timeoutMs: CALL_TIMEOUT_MS },
  };
}

/** The table of roles. `names`: what the groups may call this node. */
export function roleKinds(config: RolesConfig, names: readonly string[]): Role[] {
  const { schedule } = config;
  return [
    {
      name: 'purge.stores',
      ...timing(schedule['purge-stores']),
      shards: shardsOf(config.purge.stores, names),
      firstRunMs: FIRST_PURGE_MS,
      followsMailboxes: false,
      async run(run) {
        const { request, call } = step(run);
        const reports = run.maintenance.collectBlobs({ ...request, graceMs: config['blob-grace'] }, call);
        const done = await last(reports, run.progress);
        return `${done?.examined ?? 0} blobs examined, ${done?.marked ?? 0} marked, ${done?.deleted ?? 0} deleted`;
      },
    },
    {
      name: 'purge.accounts',
      ...timing(schedule['purge-accounts']),
      shards: shardsOf(config.purge.accounts, names),
      firstRunMs: FIRST_PURGE_MS,
      followsMailboxes: false,
      async run(run) {
        const { request, call } = step(run);
        const reports = run.maintenance.purgeAccounts({ ...request, changeLogMs: config['change-log-age'] }, call);
        const done = await last(reports, run.progress);
        return `${done?.examined ?? 0} accounts examined, ${done?.removedKeys ?? 0} keys removed`;
      },
    },
    {
      name: 'fts-indexing',
      ...timing(schedule['fts-indexing']),
      shards: shardsOf(config['fts-indexing']['fts-indexing'], names),
      firstRunMs: 0,
      followsMailboxes: true,
      async run(run) {
        const { request, call } = step(run);
        const reports = run.maintenance.indexMailboxes({ ...request, accountIds: run.accountIds }, call);
        const done = await last(reports, run.progress);
        return `${done?.messages ?? 0} messages in ${done?.mailboxes ?? 0} mailboxes indexed`;
      },
    },
  ];
}
