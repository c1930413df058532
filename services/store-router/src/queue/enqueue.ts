import type { storage } from '@stoa/contracts';
import type { CommitParts } from '../account/index.ts';

/** A message for recipients outside; its blob is stored already. */
export interface OutboundMessage {
  envelope: Omit<storage.DeliveryEnvelope, 'recipients'>;
  recipients: readonly storage.DeliveryRecipient[];
  blobId: Uint8Array;
  /** Octets. */
  size: number;
}

export interface EnqueueParts extends CommitParts {
  queueId: string;
}

/** What delivery needs of the outbound queue. */
export interface OutboundQueue {
  /**
   * Entries for the recipients, their links to the blob (`queueLink`), and, with an idempotency key, the condition that
   * nothing was queued under it before. The caller adds the conditions that protect the blob, and commits.
   */
  enqueue(message: OutboundMessage): EnqueueParts;
  /** The queue id under which a message with this idempotency key was queued before; undefined when it was not. */
  queued(idempotencyKey: string): Promise<string | undefined>;
  /** Tells the workers, after the commit. */
  announce(parts: EnqueueParts): void;
}
