import { type Bus, type BusListener, type BusSubscription, StoaError } from '@stoa/plugin-sdk';

const COMMON = 'stwt.agora';

interface Station {
  node: string;
  topic: string;
  listener: BusListener;
  waiting: Uint8Array[];
}

/** What happens to one message on its way to one station. */
export type Fate = 'deliver' | 'drop' | 'twice' | 'late';

/** A bus between fake nodes. Messages wait until `pump`; what becomes of each is for the test to say. */
export class TestBus {
  readonly #stations = new Set<Station>();
  readonly #away = new Set<string>();
  readonly #refusals = new Map<string, StoaError>();

  /** The bus as one node sees it. */
  connect(node: string): Bus {
    return {
      publish: async (topic, payload) => {
        if (this.#away.has(node)) throw new StoaError('unavailable', 'the bus is away');
        for (const station of this.#stations) {
          if (station.topic === topic && !this.#away.has(station.node)) station.waiting.push(new Uint8Array(payload));
        }
      },
      subscribe: async (topic, listener): Promise<BusSubscription> => {
        const refusal = this.#refusals.get(node);
        if (refusal !== undefined) throw refusal;
        if (this.#away.has(node)) throw new StoaError('unavailable', 'the bus is away');
        const station = { node, topic, listener, waiting: [] };
        this.#stations.add(station);
        listener.connected();
        return { close: async () => void this.#stations.delete(station) };
      },
      check: async () => {
        if (this.#away.has(node)) throw new StoaError('unavailable', 'the bus is away');
      },
      close: async () => {},
    };
  }

  /** New subscriptions of a node fail with this; undefined: not any more. */
  refuse(node: string, error: StoaError | undefined): void {
    if (error === undefined) this.#refusals.delete(node);
    else this.#refusals.set(node, error);
  }

  /** Cuts a node off; what waits for it is lost. */
  cut(node: string): void {
    if (this.#away.has(node)) return;
    this.#away.add(node);
    for (const station of this.#of(node)) {
      station.waiting = [];
      station.listener.gap('cut off');
    }
  }

  mend(node: string): void {
    if (!this.#away.delete(node)) return;
    for (const station of this.#of(node)) station.listener.connected();
  }

  /** A process that is gone without a word. */
  kill(node: string): void {
    for (const station of this.#of(node)) this.#stations.delete(station);
    this.#away.add(node);
  }

  /** Any bytes, as a stranger on the bus may send them. */
  inject(payload: Uint8Array, topic = COMMON): void {
    for (const station of this.#stations) if (station.topic === topic) station.waiting.push(payload);
  }

  /** Topics that a node is subscribed to. */
  topics(node: string): string[] {
    return this.#of(node).map(({ topic }) => topic);
  }

  /** Its subscription to one topic falls, or stands again. */
  topicLost(node: string, topic: string): void {
    for (const station of this.#of(node)) if (station.topic === topic) station.listener.gap('the shard is away');
  }

  topicBack(node: string, topic: string): void {
    for (const station of this.#of(node)) if (station.topic === topic) station.listener.connected();
  }

  /** Takes away what waits for a node. */
  take(node: string): Uint8Array[] {
    return this.#of(node).flatMap((station) => station.waiting.splice(0));
  }

  /** Brings what waits to those for whom it waits. */
  pump(fate: (node: string) => Fate = () => 'deliver'): void {
    for (const station of this.#stations) {
      const late: Uint8Array[] = [];
      for (const payload of station.waiting.splice(0)) {
        const what = fate(station.node);
        if (what === 'late') late.push(payload);
        if (what === 'deliver' || what === 'twice') station.listener.message(payload);
        if (what === 'twice') station.listener.message(payload);
        if (what !== 'late' && late.length > 0) station.listener.message(late.shift() as Uint8Array);
      }
      station.waiting.unshift(...late);
    }
  }

  #of(node: string): Station[] {
    return [...this.#stations].filter((station) => station.node === node);
  }
}
