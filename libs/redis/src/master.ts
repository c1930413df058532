import type { Redis } from 'ioredis';
import { ClusterMap } from './cluster-map.ts';
import { dialMaster, verifyMaster } from './dial.ts';
import { findMaster } from './sentinel.ts';
import { type Address, describeAddress, type RedisSettings } from './settings.ts';
import { slotOf } from './slot.ts';

/** Finds the master for a slot (on a cluster) or for everything, connects to it, and tells later whether it still is it. */
export class MasterFinder {
  readonly settings: RedisSettings;
  readonly #map: ClusterMap;
  #watch: { since: number; master: Promise<Address> } | undefined;

  constructor(settings: RedisSettings) {
    this.settings = settings;
    this.#map = new ClusterMap(settings);
  }

  /** What has the same number is served by the same master: the slot on a cluster, 0 else. */
  groupOf(keyOrChannel: string): number {
    return this.settings.mode === 'cluster' ? slotOf(keyOrChannel) : 0;
  }

  /** One attempt. Rejects with the error of the socket or of the server, or a StoaError. */
  async connect(group: number): Promise<Redis> {
    return dialMaster(this.settings, await this.#find(group));
  }

  /** Connections to all masters, for one piece of work. */
  async withMasters(work: (master: Redis) => Promise<void>): Promise<void> {
    const addresses = this.settings.mode === 'cluster' ? await this.#map.masters() : [await this.#find(0)];
    for (const address of addresses) {
      const master = await dialMaster(this.settings, address);
      try {
        await work(master);
      } finally {
        master.disconnect();
      }
    }
  }

  /** Rejects when the connection is dead, or leads to what is no longer a master. */
  async verify(redis: Redis): Promise<void> {
    const { host = '', port = 0 } = redis.options;
    const address = { host, port };
    const [now] = await Promise.all([
      // A master that was replaced behind a broken network does not know it; most Sentinels do. A cluster's node does.
      // Sentinels that are away are no reason to leave a master that works.
      this.settings.mode === 'sentinel' ? this.#watched().catch(() => address) : address,
      verifyMaster(redis, address, this.settings),
    ]);
    if (describeAddress(now) !== describeAddress(address))
      throw new Error(`the master is now ${describeAddress(now)}, no longer ${describeAddress(address)}`);
  }

  /** What the Sentinels say: asked once in half a heartbeat, for all connections. */
  #watched(): Promise<Address> {
    const now = performance.now();
    if (this.#watch === undefined || now - this.#watch.since > this.settings.heartbeatMs / 2)
      this.#watch = { since: now, master: findMaster(this.settings) };
    return this.#watch.master;
  }

  async #find(group: number): Promise<Address> {
    const { mode, addresses } = this.settings;
    if (mode === 'sentinel') return findMaster(this.settings);
    if (mode === 'cluster') return this.#map.ownerOf(group);
    return addresses[0] as Address;
  }
}
