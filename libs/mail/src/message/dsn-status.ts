import { isAscii } from 'node:buffer';
import { formatMailDate } from '../mime/date-time.ts';
import type { DsnRecipient, DsnReport } from './dsn.ts';
import { foldField, singleLine } from './header-text.ts';

/** The machine's part of a report: fields of the message, then a group of fields for each recipient (RFC 3464 section 2). */
export function deliveryStatus(report: DsnReport, isGlobal: boolean): string {
  const { original } = report;
  let fields = '';
  if (original.envelopeId !== undefined) fields += field('Original-Envelope-Id', original.envelopeId);
  fields += field('Reporting-MTA', `dns; ${report.reportingMta}`);
  if (original.arrivalMs !== undefined) fields += field('Arrival-Date', formatMailDate(original.arrivalMs));
  return [fields, ...report.recipients.map((one) => recipientFields(one, isGlobal))].join('\r\n');
}

function recipientFields(one: DsnRecipient, isGlobal: boolean): string {
  let fields = '';
  if (one.original !== undefined) fields += field('Original-Recipient', originalRecipient(one.original, isGlobal));
  fields += field('Final-Recipient', `${addressType(one.recipient)}; ${one.recipient}`);
  fields += field('Action', one.action);
  fields += field('Status', one.status);
  if (one.remoteMta !== undefined) fields += field('Remote-MTA', `dns; ${one.remoteMta}`);
  if (one.diagnostic !== undefined) fields += diagnosticField(one.diagnostic, isGlobal);
  if (one.lastAttemptMs !== undefined) fields += field('Last-Attempt-Date', formatMailDate(one.lastAttemptMs));
  if (one.retryUntilMs !== undefined && one.action === 'delayed') {
    fields += field('Will-Retry-Until', formatMailDate(one.retryUntilMs));
  }
  return fields;
}

/** An address beyond ASCII is of type utf-8 (RFC 6533 section 3). */
function addressType(address: string): string {
  return isAscii(Buffer.from(address)) ? 'rfc822' : 'utf-8';
}

function originalRecipient({ type, address }: { type: string; address: string }, isGlobal: boolean): string {
  return `${type}; ${isGlobal ? address : escapeNonAscii(address)}`;
}

function diagnosticField({ type, text }: NonNullable<DsnRecipient['diagnostic']>, isGlobal: boolean): string {
  const words = singleLine(isGlobal ? text : escapeNonAscii(text)).split(/ +/);
  return foldField('Diagnostic-Code', [`${type};`, ...words.flatMap(pieces)]);
}

/** No line may pass 998 characters (RFC 5322 section 2.1.1), so a word without end is cut. */
function pieces(word: string): string[] {
  return word.length <= MAX_WORD ? [word] : (word.match(/.{1,500}/gsu) ?? []);
}

const MAX_WORD = 500;

function field(name: string, value: string): string {
  return `${name}: ${singleLine(value)}\r\n`;
}

/** `\x{E9}` for each character beyond ASCII, as addresses of type utf-8 have it in 7-bit reports (RFC 6533 section 3). */
function escapeNonAscii(text: string): string {
  return text.replace(/[^\x00-\x7f]/gu, (char) => `\\x{${char.codePointAt(0)!.toString(16).toUpperCase()}}`);
}
