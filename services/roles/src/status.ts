import type { roles } from '@stoa/contracts';
import type { Role } from './role.ts';
import type { RoleRunner } from './runner.ts';

/** A role as one line, from those of its shards that this node has a part in. */
export function roleStatus(role: Pick<Role, 'name'>, runners: readonly Pick<RoleRunner, 'status'>[]): roles.RoleStatus {
  const statuses = runners.map(({ status }) => status);
  const planned = statuses.map(({ nextRunAt }) => nextRunAt).filter((at) => at > 0);
  const texts = (pick: 'lastError' | 'lastResult') =>
    [...new Set(statuses.map((status) => status[pick]).filter((text) => text !== ''))].join('; ');
  return {
    name: role.name,
    enabled: runners.length > 0,
    owner: statuses.some(({ owner }) => owner),
    lastRunAt: Math.max(0, ...statuses.map(({ lastRunAt }) => lastRunAt)),
    nextRunAt: planned.length > 0 ? Math.min(...planned) : 0,
    lastError: texts('lastError'),
    lastResult: texts('lastResult'),
  };
}
