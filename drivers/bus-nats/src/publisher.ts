import { StoaError } from '@stoa/plugin-sdk';
import { describeAddress } from './address.ts';
import { natsError } from './errors.ts';
import type { Line, Link } from './link.ts';
import type { Settings } from './settings.ts';

interface Entry {
  readonly subject: string;
  /** Resolves when it is settled, however. */
  readonly done: Promise<unknown>;
  /** Ends the waiting; later calls have no effect. */
  settle(error?: StoaError): void;
}

/**
 * Publishes on the connection that stands, or not at all. Messages of one turn of the event loop share one question to
 * the server whether it has them; its answer comes after whatever it refused of them.
 */
export class Publisher {
  readonly #link: Link;
  readonly #settings: Settings;
  readonly #pending = new Set<Entry>();
  /** What the next question covers. */
  #batch: Entry[] | undefined;
  #bytes = 0;

  constructor(link: Link, settings: Settings) {
    this.#link = link;
    this.#settings = settings;
  }

  publish(subject: string, payload: Uint8Array): Promise<void> {
    const line = this.#link.current;
    if (line === undefined) return Promise.reject(this.#link.failure);
    if (this.#bytes + payload.length > this.#settings.maxPendingSize)
      return Promise.reject(new StoaError('resource-exhausted', 'too many messages wait to be taken by NATS'));
    try {
      // The client keeps it until the end of this turn; the caller may change it before.
      line.connection.publish(subject, new Uint8Array(payload));
    } catch (error) {
      return Promise.reject(natsError(error, placeOf(line)));
    }
    return this.#taken(line, subject, payload.length);
  }

  /** The connection is lost. What was not answered may have arrived or not, and is not sent again. */
  fail(error: StoaError): void {
    this.#batch = undefined;
    for (const entry of [...this.#pending]) entry.settle(error);
  }

  /** Resolves when everything is answered for, which takes no longer than an answer may. */
  async drain(): Promise<void> {
    await Promise.all([...this.#pending].map(({ done }) => done));
  }

  /** The server takes nothing for this subject. */
  refuse(subject: string): void {
    const error = new StoaError('permission-denied', `no permission to publish to ${subject}; see the README`);
    for (const entry of [...this.#pending]) if (entry.subject === subject) entry.settle(error);
  }

  #taken(line: Line, subject: string, size: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#bytes += size;
    const entry: Entry = {
      subject,
      done: promise.catch(() => {}),
      settle: (error) => {
        if (!this.#pending.delete(entry)) return;
        this.#bytes -= size;
        if (error === undefined) resolve();
        else reject(error);
      },
    };
    this.#pending.add(entry);
    if (this.#batch === undefined) {
      this.#batch = [];
      queueMicrotask(() => this.#ask(line));
    }
    this.#batch.push(entry);
    return promise;
  }

  #ask(line: Line): void {
    const batch = this.#batch;
    this.#batch = undefined;
    if (batch === undefined) return;
    const late = setTimeout(() => {
      const message = `${placeOf(line)}: no answer within ${this.#settings.publishTimeout} ms`;
      settleAll(new StoaError('unavailable', message));
    }, this.#settings.publishTimeout);
    const settleAll = (error?: StoaError) => {
      clearTimeout(late);
      for (const entry of batch) entry.settle(error);
    };
    line.connection.flush().then(
      // A refusal that came before the answer is told to `refuse` within this turn.
      () => setImmediate(settleAll),
      (error: unknown) => settleAll(natsError(error, placeOf(line))),
    );
  }
}

function placeOf({ address }: Line): string {
  return `NATS at ${describeAddress(address)}`;
}
