import type { coordinator } from '@stoa/contracts';
import { type Bus, StoaError, toStoaError } from '@stoa/plugin-sdk';
import type { Clock } from './clock.ts';
import { EnvelopeWriter, type Sender } from './envelope-writer.ts';
import type { CoordinatorMetrics, SkipCause } from './metrics.ts';
import { byStream, COMMON_STREAM, topicOf } from './streams.ts';
import { tracePublish } from './tracing.ts';

export interface OutboxOptions {
  bus: Bus;
  /** Topic of the common stream. */
  topic: string;
  sender: Sender;
  clock: Clock;
  metrics: CoordinatorMetrics;
  /** Whether the bus is there, as far as is known. */
  connected(): boolean;
  onSkip(reason: SkipCause, count: number): void;
}

/** How long the bus may take for one message. Shorter than the publishers wait for this coordinator. */
const BUS_TIMEOUT_MS = 2_000;

/** What goes to the bus: numbered on each stream in the order in which it is handed over. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #writer: EnvelopeWriter;
  #closed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#writer = new EnvelopeWriter(options.sender, options.clock.now);
  }

  /** Numbers that were used up, of all streams. */
  get count(): number {
    return this.#writer.count;
  }

  close(): void {
    this.#closed = true;
  }

  /** Something cannot be sent: everybody who hears this node learns that it misses something. */
  leaveHole(): void {
    this.#writer.leaveHole(COMMON_STREAM);
  }

  /** Rejects when the bus did not take all of it; what is missing leaves holes in the numbers. */
  async publish(events: readonly coordinator.Event[], signal?: AbortSignal): Promise<void> {
    const { onSkip } = this.#options;
    const known = events.filter((event) => event.kind !== undefined);
    if (known.length < events.length) {
      // A service newer than this coordinator: what cannot be passed on is at least missed.
      onSkip('unknown-event', events.length - known.length);
      this.leaveHole();
    }
    let tooLarge = 0;
    const parts = [...byStream(known)].map(([stream, group]) => {
      const split = this.#writer.split(group);
      if (split.tooLarge > 0) {
        onSkip('too-large-event', split.tooLarge);
        this.#writer.leaveHole(stream);
        tooLarge += split.tooLarge;
      }
      return { stream, batches: split.batches };
    });
    if (parts.some(({ batches }) => batches.length > 0)) {
      await tracePublish(known.length, () => this.#sendAll(parts, signal));
    }
    if (tooLarge > 0) throw new StoaError('too-large', `${tooLarge} events do not fit into a message of the bus`);
  }

  /** Also says how far this node is on the other streams. */
  async beat(heartbeat: coordinator.Heartbeat): Promise<void> {
    const events = [asEvent({ ...heartbeat, positions: this.#writer.positions() })];
    const payload = this.#writer.seal(COMMON_STREAM, events);
    await this.#inTime((late) => this.#hand(COMMON_STREAM, payload, late));
  }

  /** A heartbeat outside the count. */
  async probe(heartbeat: coordinator.Heartbeat): Promise<void> {
    await this.#hand(COMMON_STREAM, this.#writer.sealUncounted([asEvent(heartbeat)]));
  }

  async #sendAll(
    parts: readonly { stream: number; batches: readonly coordinator.Event[][] }[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const outcomes = await Promise.allSettled(parts.map(({ stream, batches }) => this.#send(stream, batches, signal)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async #send(stream: number, batches: readonly coordinator.Event[][], signal: AbortSignal | undefined): Promise<void> {
    const { published } = this.#options.metrics;
    for (const batch of batches) {
      try {
        // The subscribers of this node do not wait for a bus that is known to be away.
        if (!this.#options.connected()) {
          this.#writer.leaveHole(stream);
          throw new StoaError('unavailable', 'the bus is away');
        }
        const payload = this.#writer.seal(stream, batch);
        await this.#inTime((late) =>
          this.#hand(stream, payload, signal === undefined ? late : AbortSignal.any([signal, late])),
        );
        published.add(batch.length, { result: 'taken' });
      } catch (error) {
        const failure = toStoaError(error);
        published.add(batch.length, { result: failure.code });
        // The hole in the numbers tells the others to read all of it anew, so the rest need not be tried.
        throw failure;
      }
    }
  }

  async #hand(stream: number, payload: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (this.#closed) throw new StoaError('unavailable', 'the coordinator has stopped');
    await this.#options.bus.publish(topicOf(this.#options.topic, stream), payload, { signal });
  }

  /** Gives up on a bus that neither takes nor refuses. */
  async #inTime(run: (late: AbortSignal) => Promise<void>): Promise<void> {
    const limit = new AbortController();
    const cancel = this.#options.clock.after(BUS_TIMEOUT_MS, () =>
      limit.abort(new StoaError('deadline-exceeded', 'the bus is slow')),
    );
    try {
      await run(limit.signal);
    } finally {
      cancel();
    }
  }
}

function asEvent(heartbeat: coordinator.Heartbeat): coordinator.Event {
  return { traceParent: '', kind: { $case: 'heartbeat', value: heartbeat } };
}
