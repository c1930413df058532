import { StoaError } from '@stoa/plugin-sdk';
import { dial, verifyClusterState } from './dial.ts';
import { type Address, describeAddress, type RedisSettings } from './settings.ts';
import { SLOTS } from './slot.ts';

interface Range {
  first: number;
  last: number;
  nodes: readonly Address[];
}

/** Knows the nodes of a cluster, and asks them which of them serves a slot. */
export class ClusterMap {
  readonly #settings: RedisSettings;
  #known: readonly Address[];

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    this.#known = settings.addresses;
  }

  /**
   * The master that serves the slot, as a node says that is itself a working part of the cluster. Rejects with
   * `unavailable` when none does.
   */
  async ownerOf(slot: number): Promise<Address> {
    const ranges = await this.#ranges();
    const owner = ranges.find(({ first, last }) => first <= slot && slot <= last)?.nodes[0];
    if (owner === undefined) throw new StoaError('unavailable', `slot ${slot} is served by no node`);
    return owner;
  }

  /** All masters that serve slots. Rejects with `unavailable` when some slots have none. */
  async masters(): Promise<Address[]> {
    const ranges = await this.#ranges();
    const covered = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    if (covered < SLOTS) throw new StoaError('unavailable', `${SLOTS - covered} slots are served by no node`);
    const masters = ranges.flatMap(({ nodes }) => nodes.slice(0, 1));
    return [...new Map(masters.map((address) => [describeAddress(address), address])).values()];
  }

  async #ranges(): Promise<Range[]> {
    const failures: unknown[] = [];
    for (const address of this.#candidates()) {
      try {
        return await this.#ask(address);
      } catch (error) {
        failures.push(error);
      }
    }
    // What a server said is of more use than that another one is away.
    throw failures.find((error) => /^[A-Z]+ /.test((error as Error).message)) ?? failures[0];
  }

  /** Those seen last in another order each time, then those configured. */
  #candidates(): Address[] {
    const all = [...this.#known].sort(() => Math.random() - 0.5).concat(this.#settings.addresses);
    return [...new Map(all.map((address) => [describeAddress(address), address])).values()];
  }

  async #ask(address: Address): Promise<Range[]> {
    const node = await dial(this.#settings, address, this.#settings.login);
    try {
      const [reply] = await Promise.all([node.cluster('SLOTS'), verifyClusterState(node, address)]);
      const ranges = readRanges(reply, address);
      const nodes = ranges.flatMap((range) => range.nodes);
      if (nodes.length > 0) this.#known = nodes;
      return ranges;
    } finally {
      node.disconnect();
    }
  }
}

/** A node without a host is the one that was asked. */
function readRanges(reply: unknown, asked: Address): Range[] {
  if (!Array.isArray(reply)) return [];
  return reply.map(([first, last, ...nodes]: [number, number, ...[string | null, number][]]) => ({
    first,
    last,
    nodes: nodes.map(([host, port]) => ({ host: host || asked.host, port })),
  }));
}
