import { CHAR } from '../characters.ts';
import type { ImapCommand, SimpleCommandName } from '../command.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import { parseAppend } from './append.ts';
import { Cursor } from './cursor.ts';
import { parseFetch } from './fetch.ts';
import { parseList, parseLsub, parseStatus } from './list.ts';
import { parseCreate, parseMailboxCommand, parseRename, parseSelect } from './mailbox.ts';
import { parseCopy, parseExpunge, parseStore } from './message.ts';
import { parseSearch } from './search.ts';
import { parseAuthenticate, parseEnable, parseId, parseLogin } from './session.ts';

/** Octets that a tag may have. */
const MAX_TAG = 255;

type Parse = (cursor: Cursor, tag: string) => ImapCommand;

const simple =
  (name: SimpleCommandName): Parse =>
  (_cursor, tag) => ({ tag, name });

const COMMANDS = new Map<string, Parse>([
  ['CAPABILITY', simple('CAPABILITY')],
  ['NOOP', simple('NOOP')],
  ['LOGOUT', simple('LOGOUT')],
  ['STARTTLS', simple('STARTTLS')],
  ['CHECK', simple('CHECK')],
  ['CLOSE', simple('CLOSE')],
  ['UNSELECT', simple('UNSELECT')],
  ['IDLE', simple('IDLE')],
  ['NAMESPACE', simple('NAMESPACE')],
  ['AUTHENTICATE', parseAuthenticate],
  ['LOGIN', parseLogin],
  ['ENABLE', parseEnable],
  ['ID', parseId],
  ['SELECT', (cursor, tag) => parseSelect(cursor, tag, 'SELECT')],
  ['EXAMINE', (cursor, tag) => parseSelect(cursor, tag, 'EXAMINE')],
  ['CREATE', parseCreate],
  ['DELETE', (cursor, tag) => parseMailboxCommand(cursor, tag, 'DELETE')],
  ['SUBSCRIBE', (cursor, tag) => parseMailboxCommand(cursor, tag, 'SUBSCRIBE')],
  ['UNSUBSCRIBE', (cursor, tag) => parseMailboxCommand(cursor, tag, 'UNSUBSCRIBE')],
  ['RENAME', parseRename],
  ['LIST', parseList],
  ['LSUB', parseLsub],
  ['STATUS', parseStatus],
  ['APPEND', parseAppend],
  ['UID', parseUid],
  ['EXPUNGE', (cursor, tag) => parseExpunge(cursor, tag, false)],
  ['SEARCH', (cursor, tag) => parseSearch(cursor, tag, false)],
  ['FETCH', (cursor, tag) => parseFetch(cursor, tag, false)],
  ['STORE', (cursor, tag) => parseStore(cursor, tag, false)],
  ['COPY', (cursor, tag) => parseCopy(cursor, tag, 'COPY', false)],
  ['MOVE', (cursor, tag) => parseCopy(cursor, tag, 'MOVE', false)],
]);

function parseUid(cursor: Cursor, tag: string): ImapCommand {
  cursor.space();
  switch (cursor.keyword('a command after UID')) {
    case 'FETCH':
      return parseFetch(cursor, tag, true);
    case 'STORE':
      return parseStore(cursor, tag, true);
    case 'SEARCH':
      return parseSearch(cursor, tag, true);
    case 'COPY':
      return parseCopy(cursor, tag, 'COPY', true);
    case 'MOVE':
      return parseCopy(cursor, tag, 'MOVE', true);
    case 'EXPUNGE':
      return parseExpunge(cursor, tag, true);
    default:
      throw new ImapSyntaxError('Unknown command after UID', 'unknown-command');
  }
}

/**
 * Reads a whole command: its lines with the literals in place, without the line end of the last; an APPEND ends where
 * its message is announced. `utf8`: mailbox names are UTF-8, not modified UTF-7 (after ENABLE IMAP4rev2 or
 * UTF8=ACCEPT). Throws an ImapSyntaxError and nothing else.
 */
export function parseCommand(octets: Buffer, utf8 = false): ImapCommand {
  const cursor = new Cursor(octets, utf8);
  const tag = cursor.take(CHAR.tag);
  if (tag === '' || tag.length > MAX_TAG) throw new ImapSyntaxError('Expected a tag');
  try {
    cursor.space();
    const parse = COMMANDS.get(cursor.keyword('a command'));
    if (parse === undefined) throw new ImapSyntaxError('Unknown command', 'unknown-command');
    const command = parse(cursor, tag);
    cursor.expectEnd();
    return command;
  } catch (error) {
    if (error instanceof ImapSyntaxError) error.tag = tag;
    throw error;
  }
}

/** The tag of a command of which only the start may be known; undefined when there is none. */
export function readTag(octets: Buffer): string | undefined {
  const cursor = new Cursor(octets.subarray(0, MAX_TAG + 1), false);
  const tag = cursor.take(CHAR.tag);
  return tag !== '' && cursor.peek === 0x20 ? tag : undefined;
}
