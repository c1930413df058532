/**
 * Which shards of a role a node has a part in. Entries are groups of node ids; a role that is absent from the configuration is
 * one shard that every node shares.
 */
export function shardsOf(entries: readonly string[] | undefined, nodeId: string): number[] {
  if (entries === undefined) return [0];
  return entries.flatMap((entry, index) => (entry.split(',').some((id) => id.trim() === nodeId) ? [index] : []));
}
