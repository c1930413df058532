import { type Key, throwIfCancelled } from '@stoa/plugin-sdk';
import { checkKey } from './plan.ts';

/** Reads keys from one snapshot that is taken after the call; rejects with a StoaError. */
export type ReadKeys = (keys: readonly Key[]) => Promise<(Uint8Array | undefined)[]>;

interface Waiting {
  readonly keys: readonly Key[];
  readonly signal: AbortSignal | undefined;
  readonly resolve: (values: (Uint8Array | undefined)[]) => void;
  readonly reject: (error: unknown) => void;
}

/** A statement for several calls has at most so many keys. */
const MAX_KEYS = 512;

/** Calls of `get` that wait while all lanes are busy share the next statement. */
export class Reader {
  readonly #read: ReadKeys;
  readonly #lanes: number;
  readonly #queue: Waiting[] = [];
  #busyLanes = 0;
  #scheduled = false;

  constructor(read: ReadKeys, lanes: number) {
    this.#read = read;
    this.#lanes = lanes;
  }

  async get(keys: readonly Key[], signal: AbortSignal | undefined): Promise<(Uint8Array | undefined)[]> {
    for (const key of keys) checkKey(key);
    if (keys.length === 0) return [];
    return new Promise((resolve, reject) => {
      this.#queue.push({ keys, signal, resolve, reject });
      this.#schedule();
    });
  }

  /** At the end of the turn, so that calls made in one turn go together. */
  #schedule(): void {
    if (this.#scheduled || this.#busyLanes >= this.#lanes) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#busyLanes < this.#lanes && this.#queue.length > 0) {
        this.#busyLanes += 1;
        void this.#serve(this.#take()).finally(() => {
          this.#busyLanes -= 1;
          if (this.#queue.length > 0) this.#schedule();
        });
      }
    });
  }

  #take(): Waiting[] {
    let count = 1;
    let keys = this.#queue[0]!.keys.length;
    for (; count < this.#queue.length; count += 1) {
      keys += this.#queue[count]!.keys.length;
      if (keys > MAX_KEYS) break;
    }
    return this.#queue.splice(0, count);
  }

  /** Settles all; never rejects. */
  async #serve(taken: readonly Waiting[]): Promise<void> {
    const wanted = taken.filter(({ signal, reject }) => {
      try {
        throwIfCancelled(signal);
        return true;
      } catch (error) {
        reject(error);
        return false;
      }
    });
    if (wanted.length === 0) return;
    try {
      const values = await this.#read(wanted.length === 1 ? wanted[0]!.keys : wanted.flatMap(({ keys }) => keys));
      let at = 0;
      for (const { keys, resolve } of wanted) {
        resolve(values.slice(at, at + keys.length));
        at += keys.length;
      }
    } catch (error) {
      for (const { reject } of wanted) reject(error);
    }
  }
}
