import { mailboxStream } from '@stoa/contracts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Hub } from '../src/hub.ts';
import { FakeClock, settle } from './support/fake-clock.ts';
import { type Fate, TestBus } from './support/test-bus.ts';
import { domainChanged, mailboxChanged, testNode } from './support/test-node.ts';

const NODES = ['a', 'b', 'c'];
/** Domains, of which every node hears, and accounts, of which those hear that have an interest in their stream. */
const DOMAINS = ['k0', 'k1', 'k2'];
const ACCOUNTS = ['k3', 'k4', 'k5'];
const KEYS = [...DOMAINS, ...ACCOUNTS];

type Step =
  | { do: 'write'; node: number; key: number }
  | { do: 'pump'; fates: Fate[] }
  | { do: 'cut' | 'mend' | 'restart' | 'die'; node: number }
  | { do: 'follow'; node: number; accounts: string[] }
  | { do: 'pass'; ms: number }
  | { do: 'noise'; bytes: Uint8Array };

const node = fc.nat(NODES.length - 1);
const fate = fc.constantFrom<Fate>('deliver', 'deliver', 'drop', 'twice', 'late');
const fates = fc.oneof(
  fc.constant<Fate[]>(['drop']),
  fc.constant<Fate[]>(['deliver']),
  fc.array(fate, { minLength: 1 }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), node, key: fc.nat(KEYS.length - 1) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('pump' as const), fates }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'mend' as const), node }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'die' as const), node }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('follow' as const), node, accounts: fc.subarray(ACCOUNTS) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 2000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('noise' as const), bytes: fc.uint8Array({ maxLength: 40 }) }) },
);

/** A node that caches what the store holds, and reads it again as events and gaps tell it to. */
class Reader {
  readonly hub: Hub;
  readonly known = new Map<string, number>();
  readonly #store: ReadonlyMap<string, number>;
  readonly #abort = new AbortController();
  #accounts: readonly string[] = ACCOUNTS.slice(0, 1);

  constructor(hub: Hub, store: ReadonlyMap<string, number>) {
    this.hub = hub;
    this.#store = store;
    this.#read();
    void (async () => {
      for await (const { item } of hub.subscribe('reader', [], this.#abort.signal, this.#interest)) {
        // The subscription stands from here on: what was cached before may be old.
        if (item?.$case === 'ready') this.#read();
        if (item?.$case === 'gap') this.#read(item.value.streams);
        if (item?.$case !== 'delivery') continue;
        for (const { kind } of item.value.events ?? []) {
          const key =
            kind?.$case === 'domainChanged'
              ? kind.value?.domain
              : kind?.$case === 'mailboxChanged'
                ? kind.value?.accountId
                : undefined;
          const value = store.get(key ?? '');
          if (key !== undefined && value !== undefined) this.known.set(key, value);
        }
      }
    })();
  }

  /** What it has to know. */
  get keys(): string[] {
    return [...DOMAINS, ...this.#accounts];
  }

  /** Whoever takes an interest may know the account of old. */
  follow(accounts: readonly string[]): void {
    this.#accounts = accounts;
    this.hub.setInterest('reader', this.#interest);
  }

  get #interest(): ReadonlySet<number> {
    return new Set(this.#accounts.map(mailboxStream));
  }

  #read(streams: readonly number[] = []): void {
    for (const [key, value] of this.#store) {
      if (streams.length > 0 && !(ACCOUNTS.includes(key) && streams.includes(mailboxStream(key)))) continue;
      this.known.set(key, value);
    }
  }

  end(): void {
    this.#abort.abort();
  }
}

class World {
  readonly bus = new TestBus();
  readonly clock = new FakeClock();
  readonly store = new Map(KEYS.map((key) => [key, 0]));
  readonly readers = new Map<string, Reader>();

  async start(id: string): Promise<void> {
    this.bus.mend(id);
    await this.clock.advance(1, 0);
    const { hub } = testNode(this.bus, this.clock, id);
    await hub.start();
    this.readers.set(id, new Reader(hub, this.store));
    // Nodes hear of each other once; what they say later may be lost.
    for (const other of this.readers.keys()) this.bus.mend(other);
    await this.clock.advance(500, 0);
    this.bus.pump();
    await settle(1);
  }

  kill(id: string): void {
    const reader = this.readers.get(id);
    if (reader === undefined) return;
    this.bus.kill(id);
    reader.end();
    void reader.hub.stop();
    this.readers.delete(id);
  }

  async run(each: Step): Promise<void> {
    const id = 'node' in each ? (NODES[each.node] as string) : '';
    switch (each.do) {
      case 'write': {
        const key = KEYS[each.key] as string;
        const reader = this.readers.get(id);
        if (reader === undefined) return;
        this.store.set(key, (this.store.get(key) ?? 0) + 1);
        const event = DOMAINS.includes(key) ? domainChanged(key) : mailboxChanged(key);
        await reader.hub.publish([event]).catch(() => {});
        return;
      }
      case 'pump': {
        let at = 0;
        this.bus.pump(() => each.fates[at++ % each.fates.length] as Fate);
        return settle(1);
      }
      case 'cut':
        if (this.readers.has(id)) this.bus.cut(id);
        return settle(1);
      case 'mend':
        if (this.readers.has(id)) this.bus.mend(id);
        return settle(1);
      case 'follow':
        this.readers.get(id)?.follow(each.accounts);
        return settle(1);
      case 'restart':
        this.kill(id);
        return this.start(id);
      case 'die':
        return this.kill(id);
      case 'pass':
        return this.clock.advance(each.ms, 0);
      case 'noise':
        return this.bus.inject(each.bytes);
    }
  }

  /** The bus works again for some seconds. */
  async calm(): Promise<void> {
    for (const id of this.readers.keys()) this.bus.mend(id);
    for (let i = 0; i < 20; i++) {
      await this.clock.advance(250, 0);
      this.bus.pump();
      await settle(1);
    }
    await settle();
  }
}

it('nobody who reads anew at every gap keeps stale knowledge, whatever the bus loses, doubles or delays', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = new World();
      for (const id of NODES) await world.start(id);
      for (const each of steps) await world.run(each);
      await world.calm();
      for (const [id, reader] of world.readers) {
        const ofKeys = (map: ReadonlyMap<string, number>) => reader.keys.map((key) => [key, map.get(key)]);
        expect(ofKeys(reader.known), `what ${id} knows`).toEqual(ofKeys(world.store));
      }
      for (const id of NODES) world.kill(id);
    }),
    { numRuns: 300 },
  );
});
