import { coordinator } from '@stoa/contracts';
import { MAX_BUS_PAYLOAD_BYTES, StoaError } from '@stoa/plugin-sdk';

export const ENVELOPE_VERSION = 1;

/** Octets of the events of one envelope, at most; the rest is for its head. */
const EVENTS_LIMIT = MAX_BUS_PAYLOAD_BYTES - 1024;

export interface Sender {
  clusterId: string;
  nodeId: string;
  incarnation: number;
}

/**
 * Puts events into envelopes, numbered. A number is used up even when the bus then refuses the envelope: receivers see the
 * hole and know that something is missing, which is the truth.
 */
export class EnvelopeWriter {
  readonly #sender: Sender;
  readonly #now: () => number;
  #sequence = 0;

  constructor(sender: Sender, now: () => number) {
    this.#sender = sender;
    this.#now = now;
  }

  /** Number of the last envelope. */
  get sequence(): number {
    return this.#sequence;
  }

  /** One envelope, or several where the events do not fit into one. */
  write(events: readonly coordinator.Event[]): Uint8Array[] {
    const payloads: Uint8Array[] = [];
    let batch: coordinator.Event[] = [];
    let size = 0;
    const close = () => {
      if (batch.length > 0) payloads.push(this.#seal(batch));
      batch = [];
      size = 0;
    };
    for (const event of events) {
      const octets = coordinator.Event.encode(event).finish().length + 8;
      if (octets > EVENTS_LIMIT) throw new StoaError('too-large', `an event has at most ${EVENTS_LIMIT} octets`);
      if (size + octets > EVENTS_LIMIT) close();
      batch.push(event);
      size += octets;
    }
    close();
    return payloads;
  }

  #seal(events: coordinator.Event[]): Uint8Array {
    this.#sequence += 1;
    return coordinator.Envelope.encode({
      version: ENVELOPE_VERSION,
      ...this.#sender,
      sequence: this.#sequence,
      sentAt: this.#now(),
      events,
    }).finish();
  }
}
