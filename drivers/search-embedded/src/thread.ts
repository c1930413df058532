import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type CallOptions, cancellation, type DriverLogger, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import type { Envelope, Reply, Request, WorkerData } from './protocol.ts';

const SQLITE_FULL = 13;

interface Call {
  request: Request;
  settle: (result: { value: unknown } | { error: StoaError }) => void;
}

/** A thread and the calls made to it, which it works off one by one in their order; those that still wait can be cancelled. */
export class Thread {
  readonly #worker: Worker;
  readonly #logger: DriverLogger;
  readonly #ahead: number;
  readonly #onReplaced: (file: number) => void;
  readonly #waiting = new Map<number, Call>();
  readonly #exited: Promise<void>;
  /** Calls that the thread has. */
  readonly #given = new Map<number, Call>();
  #lastId = 0;
  #failure: StoaError | undefined;

  /**
   * `ahead`: calls that the thread is given at a time. With several it need not wait for a busy event loop between them; those
   * it has cannot be cancelled. `onReplaced` is told of a file that was damaged and put aside.
   */
  constructor(data: WorkerData, logger: DriverLogger, ahead: number, onReplaced: (file: number) => void) {
    this.#ahead = ahead;
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
    while (this.#failure === undefined && (this.#given.size > 0 || this.#waiting.size > 0)) {
      await this.call({ type: 'check' }, {}).catch(() => {});
    }
    await this.#worker.terminate();
    await this.#exited;
  }

  #next(): void {
    for (const [id, call] of this.#waiting) {
      if (this.#given.size === this.#ahead) break;
      this.#waiting.delete(id);
      this.#given.set(id, call);
      this.#worker.postMessage({ id, request: call.request } satisfies Envelope);
    }
    if (this.#given.size > 0) this.#worker.ref();
    else this.#worker.unref();
  }

  #receive(reply: Reply): void {
    if ('replaced' in reply) {
      this.#logger.error(reply, 'a file of the search index was damaged; it is put aside and will be filled anew');
      this.#onReplaced(reply.replaced);
      return;
    }
    const call = this.#given.get(reply.id);
    this.#given.delete(reply.id);
    if ('error' in reply) call?.settle({ error: toError(reply.error) });
    else call?.settle({ value: reply.value });
    this.#next();
  }

  #fail(cause: unknown): void {
    this.#failure ??= new StoaError('unavailable', 'the thread of the search index has ended', { cause });
    const calls = [...this.#given.values(), ...this.#waiting.values()];
    this.#given.clear();
    this.#waiting.clear();
    for (const { settle } of calls) settle({ error: this.#failure });
  }
}

function toError({ message, sqliteCode }: { message: string; sqliteCode: number | undefined }): StoaError {
  if (sqliteCode === SQLITE_FULL) return new StoaError('storage-full', 'the disk of the search index is full');
  return new StoaError('unavailable', `the search index failed: ${message}`);
}
