import { Buffer } from 'node:buffer';
import type { EnhancedStatus } from './enhanced-status.ts';

/** A reply (RFC 5321 section 4.2). */
export interface SmtpReply {
  /** 200 to 559. */
  readonly code: number;
  /** Stands at the start of every line (RFC 2034); absent in greetings, EHLO replies and 3xx. */
  readonly enhanced?: EnhancedStatus;
  /** At least one line of text without its codes. */
  readonly lines: readonly string[];
}

/** Octets of a reply line with its CRLF (RFC 5321 section 4.5.3.1.5). */
const MAX_LINE = 512;

/** Makes a reply; text with line feeds becomes several lines. */
export function smtpReply(code: number, enhanced: EnhancedStatus | undefined, text: string): SmtpReply {
  const lines = text.split('\n');
  return enhanced === undefined ? { code, lines } : { code, enhanced, lines };
}

/**
 * The reply's octets with CRLFs, to be written as UTF-8. Longer lines are broken. Control characters become spaces, so
 * that no text can forge a reply; beyond ASCII `?`, unless `utf8` (RFC 6531 section 3.5: only after the client asked).
 * @throws RangeError for codes that are none, or an enhanced code of another class
 */
export function formatReply(reply: SmtpReply, options: { readonly utf8?: boolean } = {}): string {
  const { code, enhanced } = reply;
  if (!Number.isInteger(code) || code < 200 || code > 559) throw new RangeError(`reply code ${code}`);
  if (enhanced !== undefined && (!/^[245]\.\d{1,3}\.\d{1,3}$/.test(enhanced) || enhanced[0] !== String(code)[0])) {
    throw new RangeError(`enhanced code ${enhanced} with reply code ${code}`);
  }
  const room = MAX_LINE - 2 - 4 - (enhanced === undefined ? 0 : enhanced.length + 1);
  const lines: string[] = [];
  for (const line of reply.lines) breakLine(cleanText(line, options.utf8 === true), room, lines);
  if (lines.length === 0) lines.push('');
  let text = '';
  for (const [index, line] of lines.entries()) {
    const words = enhanced === undefined ? line : line === '' ? enhanced : `${enhanced} ${line}`;
    const last = index === lines.length - 1;
    text += last ? (words === '' ? `${code}\r\n` : `${code} ${words}\r\n`) : `${code}-${words}\r\n`;
  }
  return text;
}

function cleanText(text: string, utf8: boolean): string {
  const clean = text.toWellFormed().replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, ' ');
  return utf8 ? clean : clean.replace(/[^\x00-\x7f]/gu, '?');
}

function breakLine(line: string, room: number, lines: string[]): void {
  if (line.length * 3 <= room || Buffer.byteLength(line) <= room) {
    lines.push(line);
    return;
  }
  const bytes = Buffer.from(line);
  let at = 0;
  while (bytes.length - at > room) {
    let end = at + room;
    // Never within a character: continuation octets are 10xxxxxx.
    while ((bytes[end]! & 0xc0) === 0x80) end--;
    const space = bytes.lastIndexOf(0x20, end);
    const broken = space > at ? space : end;
    lines.push(bytes.toString('utf8', at, broken));
    at = space > at ? broken + 1 : broken;
  }
  lines.push(bytes.toString('utf8', at, bytes.length));
}
