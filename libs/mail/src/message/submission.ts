import { formatMailDate } from '../mime/date-time.ts';
import { HeaderScanner } from '../mime/header-field.ts';
import type { HeaderFacts } from '../smtp/index.ts';
import { foldField } from './header-text.ts';
import { formatMessageId } from './identifier.ts';

/** What a header block has of the fields that each message must have (RFC 5322 section 3.6). */
export function inspectHeader(block: Uint8Array): HeaderFacts {
  const facts: HeaderFacts = { received: 0, hasDate: false, hasMessageId: false, hasFrom: false };
  const scanner = new HeaderScanner(block);
  while (scanner.next()) {
    switch (scanner.name().toLowerCase()) {
      case 'received':
        facts.received++;
        break;
      case 'date':
        facts.hasDate = true;
        break;
      case 'message-id':
        facts.hasMessageId = true;
        break;
      case 'from':
        facts.hasFrom = true;
        break;
    }
  }
  return facts;
}

export interface SubmissionContext {
  epochMs: number;
  /** Minutes east of UTC. */
  zone?: number;
  /** 12 bytes or more. */
  random: Uint8Array;
  /** The domain on the right of a new Message-ID. */
  host: string;
}

/**
 * The fields that submission adds, to stand before the header: Date and Message-ID where missing (RFC 6409 sections 8.2
 * and 8.3). Nothing else is changed: a signature over the header stays good, and Bcc is the sender's to leave out. A missing
 * From is an error of the sender (`hasFrom`), and cannot be guessed.
 */
export function submissionFields(
  facts: Pick<HeaderFacts, 'hasDate' | 'hasMessageId'>,
  { epochMs, zone = 0, random, host }: SubmissionContext,
): string {
  let fields = '';
  if (!facts.hasDate) fields += foldField('Date', [formatMailDate(epochMs, zone)]);
  if (!facts.hasMessageId) fields += foldField('Message-ID', [formatMessageId(epochMs, random, host)]);
  return fields;
}
