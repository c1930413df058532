import { EventEmitter } from 'node:events';

/** A driver that depends on nothing: it brands itself and its errors. */

const emitters = new Map();

function error(code, message) {
  return Object.assign(new Error(message), { code, retryable: false, [Symbol.for('stoa.error')]: true });
}

function throwIfAborted(signal) {
  if (signal?.aborted) throw error('cancelled', 'the call was cancelled');
}

class PlainBus {
  #emitter;
  #open = new Set();

  constructor(emitter) {
    this.#emitter = emitter;
  }

  async publish(topic, payload, { signal } = {}) {
    throwIfAborted(signal);
    const copy = new Uint8Array(payload);
    setImmediate(() => this.#emitter.emit(topic, copy));
  }

  async subscribe(topic, listener, { signal } = {}) {
    throwIfAborted(signal);
    const receive = (payload) => {
      try {
        listener.message(new Uint8Array(payload));
      } catch {
        // An error of a listener is its own.
      }
    };
    const subscription = {
      close: async () => {
        this.#emitter.off(topic, receive);
        this.#open.delete(subscription);
      },
    };
    this.#emitter.on(topic, receive);
    this.#open.add(subscription);
    listener.connected();
    return subscription;
  }

  async check() {}

  async close() {
    for (const subscription of this.#open) await subscription.close();
  }
}

export default {
  [Symbol.for('stoa.driver')]: true,
  name: 'plain',
  kind: 'bus',
  sdk: '>=1.0.0 <2.0.0',
  configSchema: {
    '~standard': {
      version: 1,
      vendor: 'stranger',
      validate: (value) =>
        typeof value === 'object' && value !== null ? { value } : { issues: [{ message: 'expected a table' }] },
    },
  },
  capabilities: { shared: 'process' },
  async create({ channel = 'default' }) {
    const emitter = emitters.get(channel) ?? new EventEmitter().setMaxListeners(0);
    emitters.set(channel, emitter);
    return new PlainBus(emitter);
  },
};
