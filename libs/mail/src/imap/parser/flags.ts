import { CHAR } from '../characters.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import type { Cursor } from './cursor.ts';

const SYSTEM = new Map(
  ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft', '\\Recent'].map((flag) => [flag.toLowerCase(), flag]),
);

/** flag: system flags in their one spelling, keywords and flag-extensions as sent. */
export function parseFlag(cursor: Cursor): string {
  if (!cursor.accept(0x5c)) return cursor.atom('a flag');
  const name = cursor.take(CHAR.atom);
  if (name === '') throw new ImapSyntaxError('Expected a flag');
  const flag = `\\${name}`;
  return SYSTEM.get(flag.toLowerCase()) ?? flag;
}

/** flag-list: in parentheses, may be empty. */
export function parseFlagList(cursor: Cursor): string[] {
  const flags: string[] = [];
  cursor.open();
  cursor.restOfList(() => flags.push(parseFlag(cursor)), true);
  return flags;
}
