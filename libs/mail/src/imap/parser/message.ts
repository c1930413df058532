import type { CopyCommand, ExpungeCommand, StoreCommand } from '../command.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import type { Cursor } from './cursor.ts';
import { parseFlag, parseFlagList } from './flags.ts';

const SPACE = 0x20;
const OPEN = 0x28;

/** The arguments of STORE (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3). */
export function parseStore(cursor: Cursor, tag: string, uid: boolean): StoreCommand {
  cursor.space();
  const set = cursor.sequenceSet();
  cursor.space();
  let unchangedSince: number | undefined;
  if (cursor.accept(OPEN)) {
    cursor.restOfList(() => {
      if (cursor.keyword('a STORE modifier') !== 'UNCHANGEDSINCE') throw new ImapSyntaxError('Unknown STORE modifier');
      cursor.space();
      unchangedSince = cursor.number64();
    });
    cursor.space();
  }
  const mode = cursor.accept(0x2b) ? 'add' : cursor.accept(0x2d) ? 'remove' : 'replace';
  const item = cursor.keyword('FLAGS');
  if (item !== 'FLAGS' && item !== 'FLAGS.SILENT') throw new ImapSyntaxError('Expected FLAGS');
  cursor.space();
  const flags = cursor.peek === OPEN ? parseFlagList(cursor) : parseBareFlags(cursor);
  return { tag, name: 'STORE', uid, set, mode, silent: item === 'FLAGS.SILENT', flags, unchangedSince };
}

function parseBareFlags(cursor: Cursor): string[] {
  const flags: string[] = [];
  do flags.push(parseFlag(cursor));
  while (cursor.accept(SPACE));
  return flags;
}

/** The arguments of COPY and MOVE (RFC 6851). */
export function parseCopy(cursor: Cursor, tag: string, name: 'COPY' | 'MOVE', uid: boolean): CopyCommand {
  cursor.space();
  const set = cursor.sequenceSet();
  cursor.space();
  return { tag, name, uid, set, mailbox: cursor.mailbox() };
}

/** EXPUNGE has no argument, UID EXPUNGE a set (RFC 4315 section 2.1). */
export function parseExpunge(cursor: Cursor, tag: string, uid: boolean): ExpungeCommand {
  if (uid) cursor.space();
  return { tag, name: 'EXPUNGE', uid, set: uid ? cursor.sequenceSet() : undefined };
}
