import { storage } from '@stoa/contracts';
import { buildDsn, decodeUtf8AddrXtext, decodeXtext } from '@stoa/mail';

const { QueueRecipient_Status: Status } = storage;

const NOTIFY = { failure: 2, never: 8 } as const;
/** Of the message, in octets, what is returned at most: all of it if it is no longer, else its header. */
export const MAX_RETURNED = 64 * 1024;

export interface CancelNoticeOptions {
  hostname: string;
  now: number;
  /** 24 octets or more. */
  random: Uint8Array;
  /** The first octets of the message, up to `MAX_RETURNED`. */
  beginning: Uint8Array;
}

/** Tells the sender that the operator cancelled the delivery; undefined when nobody wants to know (RFC 3461 section 5.2). */
export function cancelNotice(
  entry: storage.QueueEntry,
  { hostname, now, random, beginning }: CancelNoticeOptions,
): storage.ReportRequest_Notice | undefined {
  const told = entry.recipients.filter(
    ({ status, notify }) =>
      status === Status.STATUS_PENDING &&
      (notify === 0 || ((notify & NOTIFY.never) === 0 && (notify & NOTIFY.failure) !== 0)),
  );
  // What has the null sender is a notice itself.
  if (entry.sender === '' || told.length === 0) return undefined;
  const isWhole = entry.returnFull && entry.size <= beginning.length;
  const { pieces } = buildDsn({
    reportingMta: hostname,
    to: entry.sender,
    recipients: told.map((recipient) => ({
      recipient: recipient.address,
      original: originalRecipient(recipient.originalRecipient),
      action: 'failed',
      status: '5.7.0',
      diagnostic: { type: 'x-stoa', text: 'The delivery was cancelled by the operator' },
    })),
    original: {
      content: isWhole ? beginning : header(beginning),
      isWhole,
      envelopeId: entry.envelopeId === '' ? undefined : entry.envelopeId,
      arrivalMs: entry.createdAt,
    },
    epochMs: now,
    random,
  });
  return { recipient: entry.sender, accountId: '', message: Buffer.concat(pieces) };
}

/** Header block, with the last line whole. */
function header(beginning: Uint8Array): Uint8Array {
  const bytes = Buffer.from(beginning.buffer, beginning.byteOffset, beginning.byteLength);
  const end = bytes.indexOf('\r\n\r\n');
  return bytes.subarray(0, end < 0 ? bytes.lastIndexOf('\r\n') + 2 : end + 2);
}

/** ORCPT as it was given: type, semicolon, xtext. */
function originalRecipient(text: string): { type: string; address: string } | undefined {
  const semicolon = text.indexOf(';');
  if (semicolon < 1) return undefined;
  const type = text.slice(0, semicolon);
  const coded = text.slice(semicolon + 1);
  const address = type.toLowerCase() === 'utf-8' ? decodeUtf8AddrXtext(coded) : decodeXtext(coded);
  return address === undefined ? undefined : { type, address };
}
