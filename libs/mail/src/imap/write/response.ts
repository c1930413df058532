import type { NumberSet } from '../../mailbox/uid-set.ts';
import type { ByteWriter } from './byte-writer.ts';
import { formatNumberSet, formatUidList } from './number-set.ts';

export type Condition = 'OK' | 'NO' | 'BAD' | 'BYE' | 'PREAUTH';

/**
 * A status response (RFC 9051 section 7.1): `A1 OK [READ-WRITE] SELECT completed`. `tag` is `*` where there is none;
 * `code` comes without brackets. Line ends and non-ASCII in the text become question marks.
 */
export function writeCondition(
  writer: ByteWriter,
  tag: string,
  condition: Condition,
  text: string,
  code?: string | undefined,
): void {
  writer.raw(code === undefined ? `${tag} ${condition} ` : `${tag} ${condition} [${code}] `);
  writer.raw(text.replaceAll(/[^\x20-\x7e]/g, '?')).raw('\r\n');
}

/** `+ text`: a continuation request. */
export function writeContinuation(writer: ByteWriter, text: string): void {
  writer.raw(`+ ${text}\r\n`);
}

/** `* VANISHED (EARLIER) 41,43:116` (RFC 7162 section 3.2.10). */
export function writeVanished(writer: ByteWriter, uids: NumberSet, earlier: boolean): void {
  writer.raw(earlier ? '* VANISHED (EARLIER) ' : '* VANISHED ').raw(`${formatNumberSet(uids)}\r\n`);
}

/** `* ID ("name" "Stoa")`; NIL without fields (RFC 2971 section 3.2). Values are ASCII. */
export function writeId(
  writer: ByteWriter,
  fields: Iterable<readonly [field: string, value: string | undefined]>,
): void {
  writer.raw('* ID ');
  let separator = '(';
  for (const [field, value] of fields) {
    writer.raw(separator).string(field).byte(0x20).nstring(value);
    separator = ' ';
  }
  writer.raw(separator === '(' ? 'NIL\r\n' : ')\r\n');
}

/** Response code of APPEND (RFC 4315 section 3). */
export function appendUidCode(uidValidity: number, uid: number): string {
  return `APPENDUID ${uidValidity} ${uid}`;
}

/** Response code of COPY and MOVE: both lists in the order of the copy (RFC 4315 section 3). */
export function copyUidCode(uidValidity: number, source: Iterable<number>, destination: Iterable<number>): string {
  return `COPYUID ${uidValidity} ${formatUidList(source)} ${formatUidList(destination)}`;
}

/** Response code for messages that a conditional STORE left alone (RFC 7162 section 3.1.3). */
export function modifiedCode(messages: NumberSet): string {
  return `MODIFIED ${formatNumberSet(messages)}`;
}
