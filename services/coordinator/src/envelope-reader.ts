import { coordinator } from '@stoa/contracts';
import { ENVELOPE_VERSION } from './envelope-writer.ts';

export type SkipReason = 'foreign-bytes' | 'other-cluster' | 'duplicate' | 'stale-incarnation' | 'unknown-event';

export interface Received {
  nodeId: string;
  incarnation: number;
  sentAt: number;
  /** Events of kinds that this version knows. */
  events: coordinator.Event[];
  /** Why events of this sender may be missing before these; undefined when none can be. */
  gap: string | undefined;
  /** Version of the envelope's format, when it is newer than ours. */
  newerVersion: number | undefined;
  /** Events of kinds that this version does not know. */
  unknownEvents: number;
}

interface SenderState {
  incarnation: number;
  sequence: number;
}

/** Most senders that are watched; a cluster has far fewer nodes. Beyond it the oldest are forgotten, which costs a re-read. */
const SENDERS_LIMIT = 10_000;

/** Reads envelopes from the bus, and watches each sender's sequence: a jump, a new start or a lost memory is a gap. */
export class EnvelopeReader {
  readonly #clusterId: string;
  readonly #senders = new Map<string, SenderState>();

  constructor(clusterId: string) {
    this.#clusterId = clusterId;
  }

  /** Never throws, whatever the bytes. */
  read(payload: Uint8Array): Received | SkipReason {
    let envelope: coordinator.Envelope;
    try {
      envelope = coordinator.Envelope.decode(payload);
    } catch {
      return 'foreign-bytes';
    }
    const { version, clusterId, nodeId, incarnation, sequence } = envelope;
    if (version < 1 || nodeId === '' || nodeId.length > 64 || incarnation < 1 || sequence < 1) return 'foreign-bytes';
    if (clusterId !== this.#clusterId) return 'other-cluster';
    const known = this.#senders.get(nodeId);
    let gap: string | undefined;
    if (known === undefined) {
      // Before the first envelope of a sender nothing of it was promised, unless its numbers show that we came late.
      if (sequence > 1) gap = 'first heard of in the middle';
    } else if (incarnation < known.incarnation) {
      return 'stale-incarnation';
    } else if (incarnation > known.incarnation) {
      gap = 'the node started anew';
    } else if (sequence <= known.sequence) {
      return 'duplicate';
    } else if (sequence > known.sequence + 1) {
      gap = `${sequence - known.sequence - 1} envelopes are missing`;
    }
    this.#remember(nodeId, { incarnation, sequence });
    const events = envelope.events.filter((event) => event.kind !== undefined);
    return {
      nodeId,
      incarnation,
      sentAt: envelope.sentAt,
      events,
      gap,
      newerVersion: version > ENVELOPE_VERSION ? version : undefined,
      unknownEvents: envelope.events.length - events.length,
    };
  }

  #remember(nodeId: string, state: SenderState): void {
    this.#senders.delete(nodeId);
    this.#senders.set(nodeId, state);
    if (this.#senders.size <= SENDERS_LIMIT) return;
    const oldest = this.#senders.keys().next().value;
    if (oldest !== undefined) this.#senders.delete(oldest);
  }
}
