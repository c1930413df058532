import { appendFile, mkdir, open, readFile, truncate } from 'node:fs/promises';
import { resolve } from 'node:path';
import { defineDriver, StoaError } from '@stoa/plugin-sdk';

/** A data store that a stranger might write: all in memory, and a log on disk with a line for each commit. */

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const hex = (bytes) => Buffer.from(bytes).toString('hex');

function throwIfAborted(signal) {
  if (signal?.aborted) throw new StoaError('cancelled', 'the call was cancelled', { cause: signal.reason });
}

class LogStore {
  #file;
  #entries = new Map();
  #queue = Promise.resolve();
  #closing;

  constructor(file) {
    this.#file = file;
  }

  /** Reads the log; a last line without an end was never acknowledged. */
  load(text) {
    for (const line of text.split('\n')) if (line !== '') this.#apply(JSON.parse(line));
  }

  #apply(changes) {
    for (const [key, value] of changes) {
      if (value === null) this.#entries.delete(key);
      else this.#entries.set(key, Buffer.from(value, 'base64'));
    }
  }

  async get(keys, { signal } = {}) {
    throwIfAborted(signal);
    return keys.map((key) => {
      const value = this.#entries.get(hex(key));
      return value && new Uint8Array(value);
    });
  }

  async *scan(range, { limit, reverse, keysOnly, signal } = {}) {
    throwIfAborted(signal);
    const snapshot = this.#inRange(range).sort(([a], [b]) => compare(a, b));
    if (reverse) snapshot.reverse();
    const wanted = snapshot.slice(0, limit);
    for (let start = 0; start < wanted.length; start += 500) {
      throwIfAborted(signal);
      yield wanted.slice(start, start + 500).map(([key, value]) => ({
        key: Buffer.from(key, 'hex'),
        value: keysOnly ? new Uint8Array(0) : new Uint8Array(value),
      }));
    }
  }

  #inRange({ start, end }) {
    const [from, to] = [hex(start), hex(end)];
    return [...this.#entries].filter(([key]) => key >= from && key < to);
  }

  /** One commit after the other. */
  commit(commit, { signal } = {}) {
    const done = this.#queue.then(() => this.#commit(commit, signal));
    this.#queue = done.catch(() => {});
    return done;
  }

  async #commit({ conditions, mutations }, signal) {
    throwIfAborted(signal);
    for (const { key, equals } of conditions) {
      const actual = this.#entries.get(hex(key));
      const holds = actual === undefined || equals === undefined ? actual === equals : hex(actual) === hex(equals);
      if (!holds) throw new StoaError('conflict', 'a condition does not hold');
    }
    const changes = new Map();
    for (const mutation of mutations) {
      if (mutation.type === 'put') changes.set(hex(mutation.key), Buffer.from(mutation.value).toString('base64'));
      else if (mutation.type === 'delete') changes.set(hex(mutation.key), null);
      else {
        const [from, to] = [hex(mutation.range.start), hex(mutation.range.end)];
        for (const key of [...this.#entries.keys(), ...changes.keys()])
          if (key >= from && key < to) changes.set(key, null);
      }
    }
    if (changes.size === 0) return;
    await appendFile(this.#file, `${JSON.stringify([...changes])}\n`, { flush: true });
    this.#apply(changes);
  }

  async check() {
    const handle = await open(this.#file, 'r');
    await handle.close();
  }

  async close() {
    this.#closing ??= this.#queue;
    await this.#closing;
  }
}

export default defineDriver({
  name: 'log',
  kind: 'data',
  sdk: '^1.0.0',
  configSchema: {
    '~standard': {
      version: 1,
      vendor: 'stranger',
      validate: (value) =>
        typeof value?.folder === 'string' ? { value } : { issues: [{ message: 'expected a text', path: ['folder'] }] },
    },
  },
  capabilities: { shared: 'process' },
  async create({ folder }, { dataDirectory }) {
    const path = resolve(dataDirectory, folder);
    await mkdir(path, { recursive: true });
    const file = resolve(path, 'log.jsonl');
    await appendFile(file, '');
    const text = await readFile(file, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    await truncate(file, Buffer.byteLength(whole));
    const store = new LogStore(file);
    store.load(whole);
    return store;
  },
});
