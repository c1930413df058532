import { type Bus, type BusSubscription, toStoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import type { Clock } from './clock.ts';
import { LogLimiter } from './log-limiter.ts';

export interface BusLineOptions {
  bus: Bus;
  topic: string;
  clock: Clock;
  logger: Logger;
  /** Of lines that share it one tells of what is the same for all. */
  log?: LogLimiter;
  onMessage(payload: Uint8Array): void;
  /** Nothing more may come until `onConnected`. */
  onGap(reason: string): void;
  onConnected(): void;
}

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 2_000;
/** What recurs is logged once in so many milliseconds. */
export const LOG_INTERVAL_MS = 60_000;

/** The subscription to one topic of the bus, which stands or is tried again: a node starts and works while its bus is away. */
export class BusLine {
  readonly #options: BusLineOptions;
  readonly #log: LogLimiter;
  #subscription: BusSubscription | undefined;
  #cancelRetry: () => void = () => {};
  #connected = false;
  #closed = false;

  constructor(options: BusLineOptions) {
    this.#options = options;
    this.#log = options.log ?? new LogLimiter(options.clock.now, LOG_INTERVAL_MS);
  }

  /** Whether every message that is published now will be heard. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Subscribes; when the bus is away, again and again in the background. Rejects only with what a retry does not help. */
  async open(): Promise<void> {
    await this.#subscribe(RETRY_MIN_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#connected = false;
    this.#cancelRetry();
    await this.#subscription?.close();
    this.#subscription = undefined;
  }

  async #subscribe(retryMs: number): Promise<void> {
    const { bus, topic, clock, logger } = this.#options;
    let subscription: BusSubscription;
    try {
      subscription = await bus.subscribe(topic, {
        message: (payload) => {
          if (!this.#closed) this.#options.onMessage(payload);
        },
        gap: (reason) => {
          if (this.#closed) return;
          this.#connected = false;
          this.#options.onGap(reason);
        },
        connected: () => {
          if (this.#closed) return;
          this.#connected = true;
          this.#options.onConnected();
        },
      });
    } catch (error) {
      const failure = toStoaError(error);
      if (!failure.retryable) throw failure;
      const suppressed = this.#log.pass('retry');
      if (suppressed !== undefined) {
        logger.warn({ error: failure, suppressed }, 'the bus cannot be reached and is tried again');
      }
      if (this.#closed) return;
      this.#cancelRetry = clock.after(retryMs, () => {
        this.#subscribe(Math.min(retryMs * 2, RETRY_MAX_MS)).catch((final: unknown) => {
          logger.error({ error: toStoaError(final) }, 'the bus refuses the subscription');
        });
      });
      return;
    }
    if (this.#closed) await subscription.close();
    else this.#subscription = subscription;
  }
}
