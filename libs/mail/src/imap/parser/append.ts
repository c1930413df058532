import type { AppendCommand } from '../command.ts';
import { parseInternalDate } from '../date.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import type { Cursor } from './cursor.ts';
import { parseFlagList } from './flags.ts';

const QUOTE = 0x22;
const TILDE = 0x7e;

/**
 * APPEND up to the announcement of its message (RFC 9051 section 6.3.12, RFC 3516, RFC 6855 section 4): the command's
 * octets end behind the `}`.
 */
export function parseAppend(cursor: Cursor, tag: string): AppendCommand {
  cursor.space();
  const mailbox = cursor.mailbox();
  cursor.space();
  let flags: string[] = [];
  if (cursor.peek === 0x28) {
    flags = parseFlagList(cursor);
    cursor.space();
  }
  let date: AppendCommand['date'];
  if (cursor.peek === QUOTE) {
    date = parseInternalDate(cursor.string());
    if (date === undefined) throw new ImapSyntaxError('Invalid date');
    cursor.space();
  }
  const utf8 = cursor.acceptKeyword('UTF8');
  if (utf8) {
    cursor.space();
    cursor.open();
    if (cursor.peek !== TILDE) throw new ImapSyntaxError('Expected literal8');
  }
  const binary = cursor.accept(TILDE);
  cursor.expect(0x7b);
  const size = cursor.number64();
  const synchronizing = !cursor.accept(0x2b);
  cursor.expect(0x7d);
  return { tag, name: 'APPEND', mailbox, flags, date, size, synchronizing, binary, utf8 };
}

/**
 * Whether the literal that the octets so far announce at their end is the message of an APPEND, not the mailbox name.
 * `literals` is how many literals came before.
 */
export function announcesMessage(octets: Buffer, literals: number): boolean {
  const tagEnd = octets.indexOf(0x20);
  const nameEnd = tagEnd + 7;
  if (tagEnd <= 0 || octets[nameEnd] !== 0x20) return false;
  if (octets.toString('latin1', tagEnd + 1, nameEnd).toUpperCase() !== 'APPEND') return false;
  return literals > 0 || octets[nameEnd + 1] !== 0x7b;
}
