import { parseAddressList } from './address.ts';
import type { Envelope, EnvelopeAddress } from './types.ts';

/** An envelope of which nothing is known: a message without a header. */
export function emptyEnvelope(): Envelope {
  return {
    date: undefined,
    subject: undefined,
    from: [],
    sender: [],
    replyTo: [],
    to: [],
    cc: [],
    bcc: [],
    inReplyTo: undefined,
    messageId: undefined,
  };
}

/**
 * Takes one header field into an envelope; fields of no concern are passed over. Address fields that come more than
 * once are joined, of the others the last one counts, as other servers do.
 */
export function addToEnvelope(envelope: Envelope, name: string, value: string): void {
  switch (name) {
    case 'date':
      envelope.date = value;
      break;
    case 'subject':
      envelope.subject = value;
      break;
    case 'in-reply-to':
      envelope.inReplyTo = value;
      break;
    case 'message-id':
      envelope.messageId = value;
      break;
    case 'from':
      envelope.from = joined(envelope.from, value);
      break;
    case 'sender':
      envelope.sender = joined(envelope.sender, value);
      break;
    case 'reply-to':
      envelope.replyTo = joined(envelope.replyTo, value);
      break;
    case 'to':
      envelope.to = joined(envelope.to, value);
      break;
    case 'cc':
      envelope.cc = joined(envelope.cc, value);
      break;
    case 'bcc':
      envelope.bcc = joined(envelope.bcc, value);
      break;
  }
}

/** Where Sender or Reply-To is missing or empty, From stands for it (RFC 9051 section 7.5.2). */
export function completeEnvelope(envelope: Envelope): Envelope {
  if (envelope.sender.length === 0) envelope.sender = envelope.from;
  if (envelope.replyTo.length === 0) envelope.replyTo = envelope.from;
  return envelope;
}

function joined(before: EnvelopeAddress[], value: string): EnvelopeAddress[] {
  const addresses = parseAddressList(value);
  return before.length === 0 ? addresses : before.concat(addresses);
}
