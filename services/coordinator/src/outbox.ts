import type { coordinator } from '@stoa/contracts';
import { type Bus, StoaError, toStoaError } from '@stoa/plugin-sdk';
import { SharedLimit } from '@stoa/service-kit';
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
  readonly #limit: SharedLimit;
  #closed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#writer = new EnvelopeWriter(options.sender, options.clock.now);
    this.#limit = new SharedLimit(
      BUS_TIMEOUT_MS,
      () => new StoaError('deadline-exceeded', 'the bus is slow'),
      options.clock,
    );
  }

  /** Numbers that were used up, of all streams. */
  get count(): number {
    return this.#writer.count;
  }

  close(): void {
    this.#closed = true;
    this.#limit.close(stopped());
  }

  /** Something cannot be sent: everybody who hears this node learns that it misses something. */
  leaveHole(): void {
    this.#writer.leaveHole(COMMON_STREAM);
  }

  /** Whether a payload from the bus is of this node itself. */
  sent(payload: Uint8Array): boolean {
    return this.#writer.wrote(payload);
  }

  /** Rejects when the bus did not take all of it; what is missing leaves holes in the numbers. */
  async publish(events: readonly coordinator.Event[]): Promise<void> {
    const { onSkip } = this.#options;
    const known = events.filter((event) => event.kind !== undefined);
    if (known.length < events.length) {
      // A service newer than this coordinator: what cannot be passed on is at least missed.
      onSkip('unknown-event', events.length - known.length);
      this.leaveHole();
    }
    if (known.length > 0) await tracePublish(known.length, () => this.#sendAll(byStream(known)));
  }

  /** Also says how far this node is on the other streams. */
  async beat(heartbeat: coordinator.Heartbeat): Promise<void> {
    const events = [asEvent({ ...heartbeat, positions: this.#writer.positions() })];
    const payload = this.#writer.seal(COMMON_STREAM, events);
    await this.#inTime(COMMON_STREAM, payload);
  }

  /** A heartbeat outside the count. */
  async probe(heartbeat: coordinator.Heartbeat): Promise<void> {
    await this.#hand(COMMON_STREAM, this.#writer.sealUncounted([asEvent(heartbeat)]));
  }

  async #sendAll(groups: ReadonlyMap<number, readonly coordinator.Event[]>): Promise<void> {
    const outcomes = await Promise.allSettled([...groups].map(([stream, events]) => this.#send(stream, events)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async #send(stream: number, events: readonly coordinator.Event[]): Promise<void> {
    // Nearly always they fit into one envelope, which is then all that is made of them.
    const whole = this.#options.connected() ? this.#writer.sealWhole(stream, events) : undefined;
    if (whole !== undefined) return this.#counted(events.length, this.#inTime(stream, whole));
    const { batches, tooLarge } = this.#writer.split(events);
    if (tooLarge > 0) {
      this.#options.onSkip('too-large-event', tooLarge);
      this.#writer.leaveHole(stream);
    }
    for (const batch of batches) {
      // The hole in the numbers tells the others to read all of it anew, so after a failure the rest need not be tried.
      await this.#counted(batch.length, this.#sendBatch(stream, batch));
    }
    if (tooLarge > 0) throw new StoaError('too-large', `${tooLarge} events do not fit into a message of the bus`);
  }

  async #sendBatch(stream: number, batch: readonly coordinator.Event[]): Promise<void> {
    // The subscribers of this node do not wait for a bus that is known to be away.
    if (!this.#options.connected()) {
      this.#writer.leaveHole(stream);
      throw new StoaError('unavailable', 'the bus is away');
    }
    await this.#inTime(stream, this.#writer.seal(stream, batch));
  }

  async #counted(events: number, sending: Promise<void>): Promise<void> {
    const { published } = this.#options.metrics;
    try {
      await sending;
      published.add(events, { result: 'taken' });
    } catch (error) {
      const failure = toStoaError(error);
      published.add(events, { result: failure.code });
      throw failure;
    }
  }

  async #hand(stream: number, payload: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (this.#closed) throw stopped();
    await this.#options.bus.publish(topicOf(this.#options.topic, stream), payload, { signal });
  }

  /** Gives up on a bus that neither takes nor refuses. */
  #inTime(stream: number, payload: Uint8Array): Promise<void> {
    return this.#hand(stream, payload, this.#limit.signal);
  }
}

function stopped(): StoaError {
  return new StoaError('unavailable', 'the coordinator has stopped');
}

function asEvent(heartbeat: coordinator.Heartbeat): coordinator.Event {
  return { traceParent: '', kind: { $case: 'heartbeat', value: heartbeat } };
}
