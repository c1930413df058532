import {
  type CalendarDate,
  daysSinceEpoch,
  decodeHeaderText,
  type Envelope,
  type EnvelopeAddress,
  foldCase,
  parseMailDate,
} from '@stoa/mail';
import { type ContentKey, FALSE, TRUE, UNKNOWN, type Verdict } from './tests.ts';

/** Fields of which a message has one (RFC 5322 section 3.6), as ENVELOPE has them; of more, the last one counts. */
const SINGLE_FIELDS: Readonly<Record<string, (envelope: Envelope) => string | undefined>> = {
  subject: ({ subject }) => subject,
  date: ({ date }) => date,
  'message-id': ({ messageId }) => messageId,
  'in-reply-to': ({ inReplyTo }) => inReplyTo,
};

/**
 * Judges a key by the message's envelope. FROM, TO, CC, BCC and SUBJECT look in the envelope (RFC 3501 section 6.4.4),
 * as HEADER does for the fields that stand in it as they were. Unknown: the envelope does not tell, and was not asked for.
 */
export function judgeEnvelope(key: ContentKey, envelope: () => Envelope): Verdict {
  switch (key.type) {
    case 'from':
    case 'to':
    case 'cc':
    case 'bcc':
      return verdict(hasAddress(envelope()[key.type], foldCase(key.value.text)));
    case 'subject':
      return verdict(contains(envelope().subject, key.value.text));
    case 'header': {
      const field = key.field.toLowerCase();
      if (!Object.hasOwn(SINGLE_FIELDS, field)) return UNKNOWN;
      return verdict(contains(SINGLE_FIELDS[field]?.(envelope()), key.value.text));
    }
    case 'before':
    case 'on':
    case 'since':
      return verdict(wasSent(key.type, key.date, envelope().date));
    default:
      return UNKNOWN;
  }
}

const NO_ENVELOPE: Envelope = {
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

/** Whether the envelope tells of a key, whatever it says. */
export function standsInEnvelope(key: ContentKey): boolean {
  return judgeEnvelope(key, () => NO_ENVELOPE) !== UNKNOWN;
}

const verdict = (holds: boolean): Verdict => (holds ? TRUE : FALSE);

/** Whether a field's value, still encoded, has the string in it, regardless of case; the empty string is in any that is there. */
export function contains(value: string | undefined, text: string): boolean {
  return value !== undefined && foldCase(decodeHeaderText(value)).includes(foldCase(text));
}

/**
 * Addresses are compared as a client writes them, whatever quotes, comments and folds the header has:
 * `name <mailbox@host>`, the name with quotes or without.
 */
function hasAddress(addresses: readonly EnvelopeAddress[], folded: string): boolean {
  return addresses.some((address) => addressForms(address).some((form) => foldCase(form).includes(folded)));
}

function addressForms({ name, mailbox, host }: EnvelopeAddress): string[] {
  // The end of a group.
  if (mailbox === undefined) return [];
  const written = decodeHeaderText(host === undefined ? mailbox : `${mailbox}@${host}`);
  if (name === undefined) return [written, `<${written}>`];
  const decoded = decodeHeaderText(name);
  return [`${decoded} <${written}>`, `"${decoded}" <${written}>`];
}

/**
 * The pieces of a string to find in an address that each stand in the name alone or in the address alone, so that an
 * index of these cannot miss a message.
 */
export function addressPieces(text: string): string[] {
  return text.split(/["<>]/).map((piece) => piece.trim());
}

/** The day is the one that the sender wrote, whatever the time zone. A message without a Date that can be read was never sent. */
function wasSent(type: 'before' | 'on' | 'since', date: CalendarDate, field: string | undefined): boolean {
  const written = field === undefined ? undefined : parseMailDate(field);
  if (written === undefined) return false;
  const day = daysSinceEpoch(written);
  const asked = daysSinceEpoch(date);
  return type === 'before' ? day < asked : type === 'on' ? day === asked : day >= asked;
}
