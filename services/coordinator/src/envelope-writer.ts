import { coordinator } from '@stoa/contracts';
import { MAX_BUS_PAYLOAD_BYTES } from '@stoa/plugin-sdk';
import { COMMON_STREAM } from './streams.ts';

export const ENVELOPE_VERSION = 1;

/** Octets of the events of one envelope, at most; the rest is for its head. */
const EVENTS_LIMIT = MAX_BUS_PAYLOAD_BYTES - 1024;

/** Octets that an event takes beside its own: a tag and a length. */
const EVENT_HEAD = 5;

export interface Sender {
  clusterId: string;
  nodeId: string;
  incarnation: number;
}

/**
 * Puts events into envelopes, numbered on each stream in the order in which they are sealed. A number is used up even when the bus then
 * refuses the envelope: receivers see the hole and know that something is missing, which is the truth.
 */
export class EnvelopeWriter {
  readonly #now: () => number;
  /** What every envelope of this writer begins with. */
  readonly #head: Uint8Array;
  /** By stream, the number of its last envelope. */
  readonly #sequences = new Map<number, number>();
  #count = 0;

  constructor(sender: Sender, now: () => number) {
    this.#now = now;
    this.#head = coordinator.Envelope.encode(
      coordinator.Envelope.fromPartial({ version: ENVELOPE_VERSION, ...sender }),
    ).finish();
  }

  /** Numbers that were used up, of all streams. */
  get count(): number {
    return this.#count;
  }

  /** How far it is on the streams beside the common one, of those that were used. */
  positions(): coordinator.StreamPosition[] {
    return [...this.#sequences]
      .filter(([stream]) => stream !== COMMON_STREAM)
      .map(([stream, sequence]) => ({ stream, sequence }));
  }

  /** Whether a payload from the bus was sealed by this writer; told by its first octets, without reading the rest. */
  wrote(payload: Uint8Array): boolean {
    return (
      payload.length >= this.#head.length && Buffer.compare(payload.subarray(0, this.#head.length), this.#head) === 0
    );
  }

  /**
   * All of the events in one envelope, with the next number of its stream; undefined, and no number used up, when one does not
   * hold them.
   */
  sealWhole(stream: number, events: readonly coordinator.Event[]): Uint8Array | undefined {
    const payload = this.#encode(stream, this.#following(stream), events);
    if (payload.length > MAX_BUS_PAYLOAD_BYTES) return undefined;
    this.#next(stream);
    return payload;
  }

  /** Events in batches that fit into one envelope each, in order; those that fit into none are left over. */
  split(events: readonly coordinator.Event[]): { batches: coordinator.Event[][]; tooLarge: number } {
    const batches: coordinator.Event[][] = [];
    let batch: coordinator.Event[] = [];
    let size = 0;
    let tooLarge = 0;
    for (const event of events) {
      const octets = coordinator.Event.encode(event).finish().length + EVENT_HEAD;
      if (octets > EVENTS_LIMIT) {
        tooLarge += 1;
        continue;
      }
      if (size + octets > EVENTS_LIMIT) {
        batches.push(batch);
        batch = [];
        size = 0;
      }
      batch.push(event);
      size += octets;
    }
    if (batch.length > 0) batches.push(batch);
    return { batches, tooLarge };
  }

  /**
   * An envelope with the next number of its stream. To be handed to the bus before another of that stream is sealed, so that
   * they arrive in order.
   */
  seal(stream: number, events: readonly coordinator.Event[]): Uint8Array {
    return this.#encode(stream, this.#next(stream), events);
  }

  /** An envelope of the common stream outside the count. */
  sealUncounted(events: readonly coordinator.Event[]): Uint8Array {
    return this.#encode(COMMON_STREAM, 0, events);
  }

  /** Uses up a number for what cannot be sent: receivers learn that they miss something. */
  leaveHole(stream: number): void {
    this.#next(stream);
  }

  #next(stream: number): number {
    this.#count += 1;
    const sequence = this.#following(stream);
    this.#sequences.set(stream, sequence);
    return sequence;
  }

  #following(stream: number): number {
    return (this.#sequences.get(stream) ?? 0) + 1;
  }

  /** Behind the head come the other fields, in the order of their numbers: written one after the other they are one message. */
  #encode(stream: number, sequence: number, events: readonly coordinator.Event[]): Uint8Array {
    const rest = coordinator.Envelope.encode({
      version: 0,
      clusterId: '',
      nodeId: '',
      incarnation: 0,
      stream,
      sequence,
      sentAt: this.#now(),
      events: events as coordinator.Event[],
    }).finish();
    const octets = new Uint8Array(this.#head.length + rest.length);
    octets.set(this.#head);
    octets.set(rest, this.#head.length);
    return octets;
  }
}
