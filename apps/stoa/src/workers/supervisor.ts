import { StoaError } from '@stoa/plugin-sdk';
import { Backoff, type Logger } from '@stoa/service-kit';
import type { FromWorker, ToWorker, WorkerProcess } from './messages.ts';

/** Listener to "host:port". */
type Addresses = Readonly<Record<string, string>>;

export interface SupervisorOptions {
  count: number;
  /** Starts the process of a worker; numbers begin at 1. */
  fork(number: number): WorkerProcess;
  logger: Logger;
  /** Longest time that a stop waits for the workers, beyond which they are killed. */
  stopTimeoutMs: number;
  /** Waits between two starts; gives up early when the signal aborts. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Milliseconds that never go back. */
  now?: () => number;
}

/** A worker as it is now. */
export interface WorkerStatus {
  readonly number: number;
  readonly pid: number | undefined;
  readonly ready: boolean;
  /** How often it was started again. */
  readonly restarts: number;
}

/** How a worker ended that never became ready. */
export class WorkerFailed extends StoaError {
  readonly exitCode: number;

  constructor(number: number, exitCode: number | null, signal: string | null) {
    const how = signal === null ? `with code ${exitCode}` : `by ${signal}`;
    super('unavailable', `worker ${number} ended ${how} before it was ready`, { retryable: false });
    this.exitCode = exitCode ?? 1;
  }
}

const RESTART = { minMs: 250, maxMs: 30_000 };
/** A worker that worked for so long was no mistake: it is started again without a long pause. */
const STABLE_MS = 60_000;

/** The processes that are the workers of a node: each is started again when it ends by itself, later each time. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #slots: Slot[];
  readonly #stopping = new AbortController();
  #stopped: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.count }, (_, i) => new Slot(i + 1, options, this.#stopping.signal));
  }

  /**
   * Resolves to the addresses of the listeners when all workers are ready. The first one alone makes what is made once: folders,
   * databases, the demo's accounts. Rejects with `WorkerFailed`, and then all have ended.
   */
  async start(): Promise<Addresses> {
    try {
      const [first, ...others] = this.#slots;
      const addresses = await (first as Slot).start();
      await Promise.all(others.map((slot) => slot.start()));
      return addresses;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  get workers(): WorkerStatus[] {
    return this.#slots.map((slot) => slot.status);
  }

  get stopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  reload(): void {
    for (const slot of this.#slots) slot.order('reload');
  }

  /** Resolves when all have ended. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    for (const slot of this.#slots) slot.order('stop');
    const late = setTimeout(() => {
      this.#options.logger.error({}, 'workers did not stop in time; they are killed');
      this.kill();
    }, this.#options.stopTimeoutMs);
    await Promise.all(this.#slots.map((slot) => slot.ended));
    clearTimeout(late);
  }

  /** Ends all at once. */
  kill(): void {
    this.#stopping.abort();
    for (const slot of this.#slots) slot.kill();
  }
}

/** The place of one worker, and the process that has it now. */
class Slot {
  readonly #number: number;
  readonly #options: SupervisorOptions;
  readonly #stopping: AbortSignal;
  readonly #backoff: Backoff;
  readonly #now: () => number;
  #process: WorkerProcess | undefined;
  #ready = false;
  #restarts = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(number: number, options: SupervisorOptions, stopping: AbortSignal) {
    this.#number = number;
    this.#options = options;
    this.#stopping = stopping;
    this.#backoff = new Backoff({ ...RESTART, wait: options.wait });
    this.#now = options.now ?? (() => performance.now());
  }

  get status(): WorkerStatus {
    const pid = this.#process?.process.pid;
    return { number: this.#number, pid, ready: this.#ready, restarts: this.#restarts };
  }

  /** Resolves when no process has this place, and none will. */
  get ended(): Promise<void> {
    return this.#running;
  }

  /** Resolves when the first process is ready. */
  start(): Promise<Addresses> {
    return new Promise((resolve, reject) => {
      this.#running = this.#keepRunning(resolve, reject);
    });
  }

  async #keepRunning(onReady: (addresses: Addresses) => void, onFailure: (error: Error) => void) {
    const { logger } = this.#options;
    let wasReady = false;
    while (!this.#stopping.aborted) {
      const startedAt = this.#now();
      const { code, signal } = await this.#run((addresses) => {
        if (wasReady) logger.info({ worker: this.#number }, 'the worker is back');
        wasReady = true;
        onReady(addresses);
      });
      if (this.#stopping.aborted) break;
      if (!wasReady) return onFailure(new WorkerFailed(this.#number, code, signal));
      logger.error({ worker: this.#number, code, signal }, 'a worker ended; it is started again');
      if (this.#now() - startedAt >= STABLE_MS) this.#backoff.reset();
      await this.#backoff.wait(this.#stopping);
      this.#restarts += 1;
    }
    onFailure(new StoaError('cancelled', 'the node stops'));
  }

  /** One process, to its end. */
  #run(onReady: (addresses: Addresses) => void): Promise<{ code: number | null; signal: string | null }> {
    return new Promise((resolve) => {
      const worker = this.#options.fork(this.#number);
      this.#process = worker;
      worker.on('message', (message: FromWorker) => {
        if (message.type !== 'ready') return;
        this.#ready = true;
        onReady(message.addresses);
      });
      worker.on('error', (error) =>
        this.#options.logger.warn({ error, worker: this.#number }, 'the line to a worker failed'),
      );
      worker.on('exit', (code, signal) => {
        this.#process = undefined;
        this.#ready = false;
        resolve({ code, signal });
      });
    });
  }

  order(type: 'stop' | 'reload'): void {
    if (this.#process?.isConnected()) this.#process.send({ type } satisfies ToWorker);
  }

  kill(): void {
    this.#process?.process.kill('SIGKILL');
  }
}
