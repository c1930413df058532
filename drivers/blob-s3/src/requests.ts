import type { S3Client } from '@aws-sdk/client-s3';
import { type CallOptions, StoaError } from '@stoa/plugin-sdk';
import type { Config } from './config.ts';
import { Limiter } from './limiter.ts';
import { retrying } from './retry.ts';

/** Slowest pace at which a body is expected to go out. */
const OCTETS_PER_MS = 256;

export type Call<T> = (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>;

export interface RequestOptions extends CallOptions {
  /** Octets of the body that is sent. */
  octets?: number | undefined;
  onRetry?: (() => void) | undefined;
  /** Shorter than that of the configuration, ms. */
  deadlineMs?: number | undefined;
}

export type RequestLimits = Pick<Config, 'max-connections' | 'request-timeout' | 'retry-deadline' | 'retries'>;

/** A request whose answer has a body that is still to be read. */
export interface OpenAnswer<T> {
  answer: T;
  /** Ends the request and frees its connection; may be called twice. */
  close(): void;
}

/** Makes the requests: so many at a time, each with a time limit, retried until the deadline. */
export class Requests {
  readonly limits: RequestLimits;
  readonly #client: S3Client;
  readonly #places: Limiter;
  /** Blobs being read hold their connections as long as the reader likes, so they get places of their own. */
  readonly #readers: Limiter;

  constructor(client: S3Client, limits: RequestLimits) {
    this.#client = client;
    this.limits = limits;
    this.#places = new Limiter(limits['max-connections']);
    this.#readers = new Limiter(limits['max-connections']);
  }

  /** Rejects with a StoaError. `call` is made anew for each attempt. */
  run<T>(call: Call<T>, options: RequestOptions = {}): Promise<T> {
    return this.#retrying(options, async (leftMs) => {
      const started = performance.now();
      const release = await this.#places.acquire(leftMs, options.signal);
      const abort = forwardAbort(options.signal);
      try {
        return await this.#limited(call, abort.controller, leftMs - (performance.now() - started), options);
      } finally {
        abort.forget();
        release();
      }
    });
  }

  /** As `run`, for an answer with a body: the connection and the signal go on until it is closed. */
  open<T>(call: Call<T>, options: RequestOptions = {}): Promise<OpenAnswer<T>> {
    return this.#retrying(options, async (leftMs) => {
      const started = performance.now();
      const release = await this.#readers.acquire(leftMs, options.signal);
      const abort = forwardAbort(options.signal);
      const close = () => {
        abort.forget();
        release();
      };
      try {
        const left = leftMs - (performance.now() - started);
        return { answer: await this.#limited(call, abort.controller, left, options), close };
      } catch (error) {
        close();
        throw error;
      }
    });
  }

  /** Ends all connections. */
  destroy(): void {
    this.#client.destroy();
  }

  #retrying<T>(options: RequestOptions, attempt: (leftMs: number) => Promise<T>): Promise<T> {
    const { octets = 0, signal, onRetry } = options;
    const deadlineMs = (options.deadlineMs ?? this.limits['retry-deadline']) + octets / OCTETS_PER_MS;
    return retrying(attempt, { retries: this.limits.retries, deadlineMs, signal, onRetry });
  }

  async #limited<T>(call: Call<T>, controller: AbortController, leftMs: number, { octets = 0 }: RequestOptions) {
    const limit = Math.min(this.limits['request-timeout'] + octets / OCTETS_PER_MS, leftMs);
    let late = false;
    const timer = setTimeout(
      () => {
        late = true;
        controller.abort();
      },
      Math.max(limit, 1),
    );
    try {
      return await call(this.#client, { abortSignal: controller.signal });
    } catch (error) {
      if (late)
        throw new StoaError('unavailable', `S3 did not answer within ${Math.round(limit)} ms`, { cause: error });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A controller that is aborted when the signal is. */
function forwardAbort(signal: AbortSignal | undefined): { controller: AbortController; forget: () => void } {
  const controller = new AbortController();
  const forward = () => controller.abort(signal?.reason);
  if (signal?.aborted) forward();
  signal?.addEventListener('abort', forward, { once: true });
  return { controller, forget: () => signal?.removeEventListener('abort', forward) };
}
