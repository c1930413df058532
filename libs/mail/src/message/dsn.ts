import { isAscii } from 'node:buffer';
import { formatMailDate } from '../mime/date-time.ts';
import type { OriginalRecipient } from '../smtp/index.ts';
import { deliveryStatus } from './dsn-status.ts';
import { explanation } from './dsn-text.ts';
import { singleLine } from './header-text.ts';
import { formatBoundary, formatMessageId } from './identifier.ts';

export type DsnAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

/** What became of one recipient (RFC 3464 section 2.3). */
export interface DsnRecipient {
  /** The address as `formatAddress` writes it. */
  recipient: string;
  /** ORCPT of the transaction. */
  original?: OriginalRecipient | undefined;
  action: DsnAction;
  /** Enhanced status, `5.1.1`. */
  status: string;
  /** The server that answered, a domain name. */
  remoteMta?: string | undefined;
  /** The server's reply as it was, `550 5.1.1 No such user`; or what stood in the way of one. */
  diagnostic?: { type: 'smtp' | 'x-stoa'; text: string } | undefined;
  lastAttemptMs?: number | undefined;
  /** delayed: until when it is tried. */
  retryUntilMs?: number | undefined;
}

/** The message that the report is about. */
export interface DsnOriginal {
  /** Its header block, or with `isWhole` all of it. */
  content: Uint8Array;
  /** RET=FULL; RET=HDRS, and any notice but of failure, returns the header alone (RFC 3461 section 4.3 and 5.2.1). */
  isWhole: boolean;
  /** ENVID, decoded. */
  envelopeId?: string | undefined;
  arrivalMs?: number | undefined;
}

export interface DsnReport {
  /** Domain name of this server: Reporting-MTA, and the domain of the report's own address and Message-ID. */
  reportingMta: string;
  /** Whom to tell: the original sender, as `formatAddress` writes it. The report itself goes with a null sender. */
  to: string;
  recipients: readonly DsnRecipient[];
  original: DsnOriginal;
  epochMs: number;
  /** 24 bytes or more. */
  random: Uint8Array;
}

/**
 * A delivery status notification (RFC 3464): multipart/report of an explanation, the status of each recipient and the
 * message or its header. Addresses beyond ASCII make it a report of RFC 6533, which needs SMTPUTF8. It is given in pieces
 * in their order, without a copy of the original. It is sent with a null sender, so that it cannot be answered by another.
 */
export function buildDsn(report: DsnReport): { pieces: Uint8Array[]; needsSmtputf8: boolean } {
  const { original, random, reportingMta, epochMs } = report;
  if (report.recipients.length === 0) throw new RangeError('A report needs a recipient.');
  const addresses = [report.to, ...report.recipients.flatMap((one) => [one.recipient, one.original?.address ?? ''])];
  const needsSmtputf8 = addresses.some((address) => !isAscii(Buffer.from(address)));
  const boundary = formatBoundary(random.subarray(12));
  const text = explanation(report);
  const status = deliveryStatus(report, needsSmtputf8);
  const isEightBit = !isAscii(Buffer.from(text + status)) || !isAscii(original.content);
  const encoding = (isEight: boolean) => `Content-Transfer-Encoding: ${isEight ? '8bit' : '7bit'}\r\n`;

  const head = [
    `From: Mail Delivery System <MAILER-DAEMON@${reportingMta}>\r\n`,
    `To: <${singleLine(report.to)}>\r\n`,
    `Subject: ${subject(report)}\r\n`,
    `Date: ${formatMailDate(epochMs)}\r\n`,
    `Message-ID: ${formatMessageId(epochMs, random.subarray(0, 12), reportingMta)}\r\n`,
    // RFC 3834 section 5: no vacation responder answers it.
    'Auto-Submitted: auto-replied\r\n',
    'MIME-Version: 1.0\r\n',
    `Content-Type: multipart/report; report-type=${needsSmtputf8 ? 'global-delivery-status' : 'delivery-status'};\r\n`,
    `\tboundary="${boundary}"\r\n`,
    encoding(isEightBit),
    '\r\n',
    'This is a delivery status notification in MIME format.\r\n',
    `\r\n--${boundary}\r\n`,
    `Content-Type: text/plain; charset=utf-8\r\n${encoding(!isAscii(Buffer.from(text)))}`,
    `Content-Description: Explanation\r\n\r\n${text}`,
    `\r\n--${boundary}\r\n`,
    `Content-Type: message/${needsSmtputf8 ? 'global-delivery-status' : 'delivery-status'}\r\n`,
    `${encoding(!isAscii(Buffer.from(status)))}Content-Description: Delivery status\r\n\r\n${status}`,
    `\r\n--${boundary}\r\n`,
    `Content-Type: ${originalType(original, needsSmtputf8)}\r\n${encoding(!isAscii(original.content))}`,
    `Content-Description: ${original.isWhole ? 'Undelivered message' : 'Header of the message'}\r\n\r\n`,
  ].join('');
  const tail = `\r\n--${boundary}--\r\n`;
  return { pieces: [Buffer.from(head), original.content, Buffer.from(tail)], needsSmtputf8 };
}

function originalType(original: DsnOriginal, isGlobal: boolean): string {
  // What holds 8-bit header text is not message/rfc822 (RFC 6533 section 4).
  if (original.isWhole) return isGlobal ? 'message/global' : 'message/rfc822';
  return isGlobal ? 'message/global-headers' : 'text/rfc822-headers';
}

const SUBJECTS: Record<DsnAction, string> = {
  failed: 'Undelivered mail returned to sender',
  delayed: 'Delivery of your mail is delayed',
  delivered: 'Your mail was delivered',
  relayed: 'Your mail was passed on',
  expanded: 'Your mail was delivered to a list',
};

function subject({ recipients }: DsnReport): string {
  const worst = (['failed', 'delayed'] as const).find((action) => recipients.some((one) => one.action === action));
  return SUBJECTS[worst ?? recipients[0]!.action];
}
