import { coordinator } from '@stoa/contracts';
import { formatTable, formatTime } from '../cli/output.ts';

/** A node as the commands show it. */
export interface MemberView {
  node: string;
  /** "alive", "suspect", "dead" or "left". */
  state: string;
  /** It takes no new clients any more. */
  draining: boolean;
  /** All its processes have said goodbye to their clients. */
  drained: boolean;
  version: string;
  services: string[];
  host: string;
  sessions: number;
  /** ISO 8601. */
  lastSeen: string;
}

export function memberView(member: coordinator.Member): MemberView {
  const { nodeId, draining, drained, version, services, host, sessions, lastSeenAt } = member;
  const name = Object.entries(coordinator.Member_State).find(([, value]) => value === member.state)?.[0];
  const state = (name ?? 'unknown').replace('STATE_', '').toLowerCase();
  return {
    node: nodeId,
    state,
    draining,
    drained,
    version,
    services,
    host,
    sessions,
    lastSeen: formatTime(lastSeenAt),
  };
}

export function memberTable(members: readonly MemberView[]): string {
  const rows = members.map(({ state, draining, drained, services, lastSeen, ...rest }) => ({
    ...rest,
    state: state === 'alive' && draining ? (drained ? 'drained' : 'draining') : state,
    services: services.join(', '),
    'last seen': lastSeen,
  }));
  return formatTable(rows, ['node', 'state', 'version', 'services', 'host', 'sessions', 'last seen']);
}
