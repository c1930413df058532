import { fnv1a } from '@stoa/contracts';

/** The shards of a role: how many there are, and which of them a node has a part in. */
export interface Shards {
  readonly count: number;
  readonly own: readonly number[];
}

/**
 * From the groups of the configuration. A role without groups is one shard that every node shares. `names`: what a group may
 * call this node, which as a worker is its id and the name of all workers.
 */
export function shardsOf(groups: readonly (readonly string[])[] | undefined, names: readonly string[]): Shards {
  if (groups === undefined) return { count: 1, own: [0] };
  return {
    count: groups.length,
    own: groups.flatMap((ids, index) => (names.some((name) => ids.includes(name)) ? [index] : [])),
  };
}

/** The shard that an account or blob falls to: FNV-1a with 32 bits, as `Partition` of stoa.storage.v1 says. */
export function shardOf(id: string | Uint8Array, count: number): number {
  return fnv1a(id) % count;
}
