import { StoaError } from '@stoa/plugin-sdk';
import { type Expiry, expireAfter } from './deadlines.ts';
import type { ClientCallOptions, ServerCall } from './rpc.ts';

/** Milliseconds that a call may take when neither the caller nor the channel says otherwise. */
export const DEFAULT_TIMEOUT_MS = 30_000;

/** The signal and deadline of one call, from the caller's signal and time limit. `close` must be called at the end. */
export class CallScope implements ServerCall, Expiry {
  readonly deadline: number;
  /** Made when somebody asks for the signal; many calls end before anybody does. */
  #controller: AbortController | undefined;
  #reason: StoaError | undefined;
  /** Those who wait for something of the call: mostly one, the caller. */
  #waiting: ((reason: StoaError) => void) | undefined;
  #others: Set<(reason: StoaError) => void> | undefined;
  #stopClock: (() => void) | undefined;
  readonly #outer: AbortSignal | undefined;

  constructor(options: ClientCallOptions | undefined, defaultTimeoutMs: number) {
    const timeoutMs = options?.timeoutMs ?? defaultTimeoutMs;
    this.deadline = timeoutMs === Number.POSITIVE_INFINITY ? timeoutMs : Date.now() + timeoutMs;
    this.#stopClock = expireAfter(timeoutMs, this);
    this.#outer = options?.signal;
    if (this.#outer === undefined) return;
    if (this.#outer.aborted) this.handleEvent();
    else this.#outer.addEventListener('abort', this);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Why the call was given up, if it was. */
  get reason(): StoaError | undefined {
    return this.#reason;
  }

  expire(): void {
    this.abort(new StoaError('deadline-exceeded', 'the deadline passed'));
  }

  /** The caller's signal was aborted. */
  handleEvent(): void {
    this.abort(new StoaError('cancelled', 'the caller gave up', { cause: this.#outer?.reason }));
  }

  abort(reason: StoaError): void {
    this.close();
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#waiting?.(reason);
    this.#waiting = undefined;
    for (const reject of this.#others ?? []) reject(reason);
    this.#others = undefined;
  }

  close(): void {
    this.#stopClock?.();
    this.#stopClock = undefined;
    this.#outer?.removeEventListener('abort', this);
  }

  /** Settles with what is made of the value, or of the error; of the reason of an abort, if that comes first. */
  race<T, R>(promise: Promise<T>, made: (value: T) => R, failed: (error: unknown) => unknown): Promise<R> {
    if (this.#reason !== undefined) {
      promise.catch(() => {});
      return Promise.reject(failed(this.#reason));
    }
    return new Promise<R>((resolve, reject) => {
      const refuse = (error: unknown) => reject(failed(error));
      this.#await(refuse);
      promise.then(
        (value) => {
          // What comes after an abort is nobody's any more.
          if (!this.#leave(refuse)) return;
          try {
            resolve(made(value));
          } catch (error) {
            refuse(error);
          }
        },
        (error) => {
          if (this.#leave(refuse)) refuse(error);
        },
      );
    });
  }

  #await(refuse: (reason: StoaError) => void): void {
    if (this.#waiting === undefined) this.#waiting = refuse;
    else {
      this.#others ??= new Set();
      this.#others.add(refuse);
    }
  }

  /** Whether it still waited. */
  #leave(refuse: (reason: StoaError) => void): boolean {
    if (this.#waiting !== refuse) return this.#others?.delete(refuse) === true;
    this.#waiting = undefined;
    return true;
  }
}
