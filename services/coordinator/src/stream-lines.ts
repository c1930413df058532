import { toStoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import { BusLine, type BusLineOptions, LOG_INTERVAL_MS } from './bus-line.ts';
import { LogLimiter } from './log-limiter.ts';
import { topicOf } from './streams.ts';

export interface StreamLinesOptions extends Pick<BusLineOptions, 'bus' | 'clock'> {
  /** Topic of the common stream. */
  topic: string;
  logger: Logger;
  onMessage(stream: number, payload: Uint8Array): void;
  /** Newly wanted streams come from now on; what was published before was not heard. */
  onStanding(streams: readonly number[]): void;
  /** One more stream does not come for the time being. */
  onLost(reason: string): void;
  /** One of them comes again. */
  onBack(): void;
}

interface Entry {
  readonly line: BusLine;
  state: 'opening' | 'standing' | 'lost';
}

/** The lines to the streams of mailbox events that this node needs; each stands or is tried again. */
export class StreamLines {
  readonly #options: StreamLinesOptions;
  readonly #entries = new Map<number, Entry>();
  readonly #log: LogLimiter;

  constructor(options: StreamLinesOptions) {
    this.#options = options;
    this.#log = new LogLimiter(options.clock.now, LOG_INTERVAL_MS);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Whether a stream that is wanted does not come. */
  get anyLost(): boolean {
    for (const { state } of this.#entries.values()) if (state === 'lost') return true;
    return false;
  }

  /** Whether everything that is published now on a stream is heard. */
  stands(stream: number): boolean {
    return this.#entries.get(stream)?.state === 'standing';
  }

  /** Listens to these streams and no others. */
  want(streams: ReadonlySet<number>): void {
    const wasLost = this.anyLost;
    for (const [stream, entry] of this.#entries) {
      if (streams.has(stream)) continue;
      this.#entries.delete(stream);
      void this.#close(entry);
    }
    if (wasLost && !this.anyLost) this.#options.onBack();
    const fresh = [...streams].filter((stream) => !this.#entries.has(stream));
    if (fresh.length > 0) void this.#open(fresh);
  }

  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map((entry) => this.#close(entry)));
  }

  async #open(fresh: readonly number[]): Promise<void> {
    await Promise.all(fresh.map((stream) => this.#openOne(stream)));
    const standing = fresh.filter((stream) => this.stands(stream));
    if (standing.length > 0) this.#options.onStanding(standing);
  }

  async #openOne(stream: number): Promise<void> {
    const { topic, onMessage, onLost, onBack, ...rest } = this.#options;
    const isCurrent = () => this.#entries.get(stream) === entry;
    const lose = (reason: string) => {
      if (!isCurrent() || entry.state === 'lost') return;
      entry.state = 'lost';
      onLost(reason);
    };
    const line = new BusLine({
      ...rest,
      log: this.#log,
      topic: topicOf(topic, stream),
      onMessage: (payload) => onMessage(stream, payload),
      onGap: lose,
      onConnected: () => {
        if (!isCurrent()) return;
        const wasLost = entry.state === 'lost';
        entry.state = 'standing';
        if (wasLost) onBack();
      },
    });
    const entry: Entry = { line, state: 'opening' };
    this.#entries.set(stream, entry);
    try {
      await line.open();
      if (!line.connected) lose('the bus cannot be reached');
    } catch (error) {
      this.#options.logger.error({ error: toStoaError(error), stream }, 'the bus refuses the subscription');
      lose('the bus refuses the subscription');
    }
  }

  async #close({ line }: Entry): Promise<void> {
    await line.close().catch((error: unknown) => {
      this.#options.logger.warn({ error: toStoaError(error) }, 'a subscription to the bus did not end cleanly');
    });
  }
}
