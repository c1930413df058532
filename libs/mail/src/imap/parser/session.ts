import type { AuthenticateCommand, EnableCommand, IdCommand, LoginCommand } from '../command.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import type { Cursor } from './cursor.ts';

const SPACE = 0x20;

export function parseLogin(cursor: Cursor, tag: string): LoginCommand {
  cursor.space();
  const user = cursor.astring();
  cursor.space();
  return { tag, name: 'LOGIN', user, password: cursor.astring() };
}

export function parseAuthenticate(cursor: Cursor, tag: string): AuthenticateCommand {
  cursor.space();
  const mechanism = cursor.keyword('a mechanism');
  let initialResponse: Buffer | undefined;
  if (cursor.accept(SPACE) && !cursor.atEnd) {
    const response = cursor.atom('an initial response');
    initialResponse = response === '=' ? Buffer.alloc(0) : decodeBase64(response);
  }
  return { tag, name: 'AUTHENTICATE', mechanism, initialResponse };
}

/**
 * A client's line in answer to a continuation request of AUTHENTICATE (RFC 9051 section 6.2.2), without its line end.
 * Undefined: the client cancels. Throws an ImapSyntaxError for anything but base64.
 */
export function parseAuthenticateResponse(line: Buffer): Buffer | undefined {
  const text = line.toString('latin1', 0, line.length);
  return text === '*' ? undefined : decodeBase64(text);
}

/** Strict: standard alphabet, padded, no bits left over. */
function decodeBase64(text: string): Buffer {
  const octets = Buffer.from(text, 'base64');
  if (octets.toString('base64') !== text) throw new ImapSyntaxError('Invalid base64');
  return octets;
}

export function parseEnable(cursor: Cursor, tag: string): EnableCommand {
  const capabilities: string[] = [];
  cursor.space();
  do capabilities.push(cursor.keyword('a capability'));
  while (cursor.accept(SPACE));
  return { tag, name: 'ENABLE', capabilities };
}

/** RFC 2971 section 3.1; its limits of 30 fields, 30 and 1024 octets bind the client, the server has its own. */
export function parseId(cursor: Cursor, tag: string): IdCommand {
  cursor.space();
  if (cursor.acceptKeyword('NIL')) return { tag, name: 'ID', params: undefined };
  const params: [string, string | undefined][] = [];
  cursor.open();
  cursor.restOfList(() => {
    const field = cursor.string();
    cursor.space();
    params.push([field, cursor.nstring()]);
  }, true);
  return { tag, name: 'ID', params };
}
