import type { Client, storage } from '@stoa/contracts';

/** What a run of a role is given. */
export interface RoleRun {
  readonly maintenance: Client<typeof storage.MaintenanceServiceDefinition>;
  /** Must be passed with every step: a node that lost the role while it slept is refused. */
  readonly fence: { lease: string; token: number };
  /** Aborts when the role is lost or the node stops. */
  readonly signal: AbortSignal;
  /** Accounts that this run is about; empty for all. */
  readonly accountIds: readonly string[];
}

/** A kind of background work. */
export interface Role {
  /** For example "purge.stores". */
  readonly name: string;
  /** Shards of it that this node has a part in. */
  readonly shards: readonly number[];
  readonly intervalMs: number;
  /** Does the work once and says in a few words what was done. */
  run(run: RoleRun): Promise<string>;
}
