import { coordinator } from '@stoa/contracts';
import { MAX_BUS_PAYLOAD_BYTES } from '@stoa/plugin-sdk';
import { ENVELOPE_VERSION } from './envelope-writer.ts';

export type SkipReason = 'foreign-bytes' | 'other-cluster';

/** An envelope of this cluster. */
export interface Received {
  nodeId: string;
  incarnation: number;
  stream: number;
  /** 0: outside the sender's count. */
  sequence: number;
  sentAt: number;
  /** Events of kinds that this version knows. */
  events: coordinator.Event[];
  /** Version of the envelope's format, when it is newer than ours. */
  newerVersion: number | undefined;
  /** Events of kinds that this version does not know. */
  unknownEvents: number;
}

const NODE_ID_LIMIT = 64;

/** Reads a payload from the bus, where anybody may have put anything. Never throws, whatever the bytes. */
export function readEnvelope(payload: Uint8Array, clusterId: string): Received | SkipReason {
  if (payload.length > MAX_BUS_PAYLOAD_BYTES) return 'foreign-bytes';
  let envelope: coordinator.Envelope;
  try {
    envelope = coordinator.Envelope.decode(payload);
  } catch {
    return 'foreign-bytes';
  }
  const { version, nodeId, incarnation, stream, sequence, sentAt } = envelope;
  if (version < 1 || nodeId === '' || nodeId.length > NODE_ID_LIMIT || incarnation < 1) return 'foreign-bytes';
  if (envelope.clusterId !== clusterId) return 'other-cluster';
  const events = envelope.events.filter((event) => event.kind !== undefined);
  return {
    nodeId,
    incarnation,
    stream,
    sequence,
    sentAt,
    events,
    newerVersion: version > ENVELOPE_VERSION ? version : undefined,
    unknownEvents: envelope.events.length - events.length,
  };
}
