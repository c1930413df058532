import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type CallOptions, cancellation, type DriverLogger, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import type { Envelope, Reply, Request, WorkerData } from './protocol.ts';

const SQLITE_FULL = 13;

interface Call {
  request: Request;
  settle: (result: { value: unknown } | { error: StoaError }) => void;
}

/** A thread and the calls made to it, one at a time and in order; those that still wait can be cancelled. */
export class Thread {
  readonly #worker: Worker;
  readonly #logger: DriverLogger;
  readonly #onReplaced: (file: number) => void;
  readonly #waiting = new Map<number, Call>();
  readonly #exited: Promise<void>;
  #current: [id: number, call: Call] | undefined;
  #lastId = 0;
  #failure: StoaError | undefined;

  /** `onReplaced` is told of a file that was damaged and put aside. */
  constructor(data: WorkerData, logger: DriverLogger, onReplaced: (file: number) => void) {
    this.#logger = logger;
    this.#onReplaced = onReplaced;
    // Beside this file, as source or as build.
    this.#worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), { workerData: data });
    this.#worker.on('message', (reply: Reply) => this.#receive(reply));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#fail(undefined);
        resolve();
      });
    });
    // An idle index keeps no process alive; a call under way does.
    this.#worker.unref();
  }

  call(request: Request, { signal }: CallOptions): Promise<unknown> {
    throwIfCancelled(signal);
    if (this.#failure !== undefined) throw this.#failure;
    return new Promise((resolve, reject) => {
      this.#lastId += 1;
      const id = this.#lastId;
      const onAbort = () => {
        // What the thread has begun goes on, and nobody waits for it any more.
        this.#waiting.delete(id);
        reject(cancellation(signal!));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const settle: Call['settle'] = (result) => {
        signal?.removeEventListener('abort', onAbort);
        if ('error' in result) reject(result.error);
        else resolve(result.value);
      };
      this.#waiting.set(id, { request, settle });
      this.#next();
    });
  }

  /** Ends the thread after the calls made to it. */
  async close(): Promise<void> {
    while (this.#failure === undefined && (this.#current !== undefined || this.#waiting.size > 0)) {
      await this.call({ type: 'check' }, {}).catch(() => {});
    }
    await this.#worker.terminate();
    await this.#exited;
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const next = this.#waiting.entries().next().value;
    if (next === undefined) {
      this.#worker.unref();
      return;
    }
    this.#current = next;
    this.#waiting.delete(next[0]);
    this.#worker.ref();
    this.#worker.postMessage({ id: next[0], request: next[1].request } satisfies Envelope);
  }

  #receive(reply: Reply): void {
    if ('replaced' in reply) {
      this.#logger.error(reply, 'a file of the search index was damaged; it is put aside and will be filled anew');
      this.#onReplaced(reply.replaced);
      return;
    }
    const call = this.#current?.[1];
    this.#current = undefined;
    if ('error' in reply) call?.settle({ error: toError(reply.error) });
    else call?.settle({ value: reply.value });
    this.#next();
  }

  #fail(cause: unknown): void {
    this.#failure ??= new StoaError('unavailable', 'the thread of the search index has ended', { cause });
    const calls = [...(this.#current === undefined ? [] : [this.#current[1]]), ...this.#waiting.values()];
    this.#current = undefined;
    this.#waiting.clear();
    for (const { settle } of calls) settle({ error: this.#failure });
  }
}

function toError({ message, sqliteCode }: { message: string; sqliteCode: number | undefined }): StoaError {
  if (sqliteCode === SQLITE_FULL) return new StoaError('storage-full', 'the disk of the search index is full');
  return new StoaError('unavailable', `the search index failed: ${message}`);
}
