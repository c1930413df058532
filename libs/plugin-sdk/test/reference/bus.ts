import { EventEmitter } from 'node:events';
import {
  type Bus,
  type BusListener,
  type BusSubscription,
  type CallOptions,
  defineDriver,
  throwIfCancelled,
} from '../../src/index.ts';
import { anyObject } from './schema.ts';

export type BusDefect =
  | 'none'
  | 'drops in silence'
  | 'delivers twice'
  | 'delivers out of order'
  | 'delivers inside publish';

const emitter = new EventEmitter().setMaxListeners(0);

class EmitterBus implements Bus {
  readonly #defect: BusDefect;
  readonly #closers = new Set<() => void>();
  #count = 0;

  constructor(defect: BusDefect) {
    this.#defect = defect;
  }

  async publish(topic: string, payload: Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    this.#count += 1;
    const odd = this.#count % 40 === 0;
    if (odd && this.#defect === 'drops in silence') return;
    const copy = new Uint8Array(payload);
    const deliver = () => emitter.emit(topic, copy);
    if (this.#defect === 'delivers inside publish') deliver();
    else if (odd && this.#defect === 'delivers out of order') setImmediate(() => setImmediate(deliver));
    else setImmediate(deliver);
    if (odd && this.#defect === 'delivers twice') setImmediate(deliver);
  }

  async subscribe(topic: string, listener: BusListener, { signal }: CallOptions = {}): Promise<BusSubscription> {
    throwIfCancelled(signal);
    const receive = (payload: Uint8Array) => {
      try {
        listener.message(new Uint8Array(payload));
      } catch {
        // An error of a listener is its own.
      }
    };
    emitter.on(topic, receive);
    const close = () => {
      emitter.off(topic, receive);
      this.#closers.delete(close);
    };
    this.#closers.add(close);
    listener.connected();
    return { close: async () => close() };
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {
    for (const close of [...this.#closers]) close();
  }
}

export function busFactory(defect: BusDefect) {
  return defineDriver({
    name: 'reference',
    kind: 'bus',
    sdk: '^1.0.0',
    configSchema: anyObject,
    capabilities: { shared: 'process' },
    create: async () => new EmitterBus(defect),
  });
}
