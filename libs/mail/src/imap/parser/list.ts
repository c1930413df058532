import type { ListCommand, ListReturn, ListSelect, LsubCommand, StatusCommand, StatusItem } from '../command.ts';
import { STATUS_ITEMS } from '../command.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import type { Cursor } from './cursor.ts';

const OPEN = 0x28;

/** The arguments of LIST (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154). */
export function parseList(cursor: Cursor, tag: string): ListCommand {
  cursor.space();
  const select: ListSelect = { subscribed: false, remote: false, recursiveMatch: false, specialUse: false };
  let extended = false;
  if (cursor.accept(OPEN)) {
    extended = true;
    cursor.restOfList(() => parseSelectOption(cursor, select), true);
    if (select.recursiveMatch && !select.subscribed && !select.specialUse) {
      throw new ImapSyntaxError('RECURSIVEMATCH needs another selection option');
    }
    cursor.space();
  }
  const reference = cursor.mailbox();
  cursor.space();
  const patterns: string[] = [];
  if (cursor.accept(OPEN)) {
    extended = true;
    cursor.restOfList(() => patterns.push(cursor.pattern()));
  } else patterns.push(cursor.pattern());
  const options: ListReturn = { subscribed: false, children: false, specialUse: false, status: undefined };
  if (cursor.accept(0x20) && !cursor.atEnd) {
    extended = true;
    if (!cursor.acceptKeyword('RETURN')) throw new ImapSyntaxError('Expected RETURN');
    cursor.space();
    cursor.open();
    cursor.restOfList(() => parseReturnOption(cursor, options), true);
  }
  return { tag, name: 'LIST', extended, select, reference, patterns, return: options };
}

function parseSelectOption(cursor: Cursor, select: ListSelect): void {
  switch (cursor.keyword('a selection option')) {
    case 'SUBSCRIBED':
      select.subscribed = true;
      break;
    case 'REMOTE':
      select.remote = true;
      break;
    case 'RECURSIVEMATCH':
      select.recursiveMatch = true;
      break;
    case 'SPECIAL-USE':
      select.specialUse = true;
      break;
    default:
      throw new ImapSyntaxError('Unknown selection option');
  }
}

function parseReturnOption(cursor: Cursor, options: ListReturn): void {
  switch (cursor.keyword('a return option')) {
    case 'SUBSCRIBED':
      options.subscribed = true;
      break;
    case 'CHILDREN':
      options.children = true;
      break;
    case 'SPECIAL-USE':
      options.specialUse = true;
      break;
    case 'STATUS':
      cursor.space();
      options.status = parseStatusItems(cursor);
      break;
    default:
      throw new ImapSyntaxError('Unknown return option');
  }
}

export function parseLsub(cursor: Cursor, tag: string): LsubCommand {
  cursor.space();
  const reference = cursor.mailbox();
  cursor.space();
  return { tag, name: 'LSUB', reference, pattern: cursor.pattern() };
}

export function parseStatus(cursor: Cursor, tag: string): StatusCommand {
  cursor.space();
  const mailbox = cursor.mailbox();
  cursor.space();
  return { tag, name: 'STATUS', mailbox, items: parseStatusItems(cursor) };
}

/** In parentheses, without doubles. */
function parseStatusItems(cursor: Cursor): StatusItem[] {
  const items = new Set<StatusItem>();
  cursor.open();
  cursor.restOfList(() => {
    const name = cursor.keyword('a status item');
    const item = STATUS_ITEMS.find((known) => known === name);
    if (item === undefined) throw new ImapSyntaxError('Unknown status item');
    items.add(item);
  });
  return [...items];
}
