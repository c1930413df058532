import type { HeldLease, Maintenance } from './lease.ts';
import type { Shards } from './shards.ts';

/** What a run of a role is given. */
export interface RoleRun {
  readonly maintenance: Maintenance;
  /** Must be passed with every step: a node that lost the role while it slept is refused. */
  readonly fence: HeldLease['fence'];
  /** The part of the work that falls to this shard; undefined when there is one shard. */
  readonly partition: { readonly index: number; readonly count: number } | undefined;
  /** Aborts when the role is lost, the node stops, or no progress is reported for long. */
  readonly signal: AbortSignal;
  /** Accounts that this run is about; empty for all. */
  readonly accountIds: readonly string[];
  /** To be called for each sign of progress. */
  progress(): void;
}

/** A kind of background work. */
export interface Role {
  /** For example "purge.stores". */
  readonly name: string;
  readonly enabled: boolean;
  readonly shards: Shards;
  readonly intervalMs: number;
  /** Part of the interval by which a pause is longer or shorter. */
  readonly jitter: number;
  /** Longest pause between getting the role and its first run. */
  readonly firstRunMs: number;
  /** Whether changes of mailboxes ask for a run about their accounts. */
  readonly followsMailboxes: boolean;
  /** Does the work once and says in a few words what was done. */
  run(run: RoleRun): Promise<string>;
}
