import type { FetchCommand } from '../command.ts';
import {
  FETCH_ATTRIBUTES,
  type FetchAttribute,
  type FetchItem,
  type PartialRange,
  type Section,
} from '../fetch-item.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import type { Cursor } from './cursor.ts';

const OPEN = 0x28;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const DOT = 0x2e;

/** Numbers in a part specifier; deeper than any message is parsed. */
const MAX_PART_DEPTH = 200;

const FAST = ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'] as const;
const MACROS: Record<string, readonly FetchAttribute['type'][]> = {
  ALL: [...FAST, 'ENVELOPE'],
  FAST,
  FULL: [...FAST, 'ENVELOPE', 'BODY'],
};

const ATTRIBUTES: ReadonlySet<string> = new Set(FETCH_ATTRIBUTES);

/** The arguments of FETCH (RFC 9051 section 6.4.5, RFC 7162 section 7). */
export function parseFetch(cursor: Cursor, tag: string, uid: boolean): FetchCommand {
  cursor.space();
  const set = cursor.sequenceSet();
  cursor.space();
  const items: FetchItem[] = [];
  if (cursor.accept(OPEN)) cursor.restOfList(() => items.push(parseItem(cursor, itemName(cursor))));
  else {
    const name = itemName(cursor);
    const macro = Object.hasOwn(MACROS, name) ? MACROS[name] : undefined;
    if (macro !== undefined) items.push(...macro.map((type): FetchItem => ({ type })));
    else items.push(parseItem(cursor, name));
  }
  const command: FetchCommand = { tag, name: 'FETCH', uid, set, items, changedSince: undefined, vanished: false };
  if (!cursor.atEnd) parseModifiers(cursor, command);
  return command;
}

function parseModifiers(cursor: Cursor, command: FetchCommand): void {
  cursor.space();
  cursor.open();
  cursor.restOfList(() => {
    const name = cursor.keyword('a FETCH modifier');
    if (name === 'CHANGEDSINCE') {
      cursor.space();
      command.changedSince = cursor.number64();
    } else if (name === 'VANISHED') command.vanished = true;
    else throw new ImapSyntaxError('Unknown FETCH modifier');
  });
  if (command.vanished && (!command.uid || command.changedSince === undefined)) {
    throw new ImapSyntaxError('VANISHED needs UID FETCH with CHANGEDSINCE');
  }
}

/** Letters, digits and dots, in upper case. */
function itemName(cursor: Cursor): string {
  const start = cursor.at;
  while (!cursor.atEnd && isNameOctet(cursor.peek)) cursor.at++;
  if (cursor.at === start) throw new ImapSyntaxError('Expected a FETCH item');
  return cursor.octets.toString('latin1', start, cursor.at).toUpperCase();
}

function isNameOctet(octet: number): boolean {
  return (
    (octet >= 0x41 && octet <= 0x5a) ||
    (octet >= 0x61 && octet <= 0x7a) ||
    (octet >= 0x30 && octet <= 0x39) ||
    octet === DOT
  );
}

function parseItem(cursor: Cursor, name: string): FetchItem {
  if (cursor.peek !== OPEN_BRACKET) {
    if (!ATTRIBUTES.has(name)) throw new ImapSyntaxError('Unknown FETCH item');
    return { type: name as FetchAttribute['type'] };
  }
  cursor.at++;
  switch (name) {
    case 'BODY':
    case 'BODY.PEEK': {
      const section = parseSection(cursor);
      return { type: 'BODY[]', peek: name === 'BODY.PEEK', section, partial: parsePartial(cursor) };
    }
    case 'BINARY':
    case 'BINARY.PEEK': {
      const part = parseBinaryPart(cursor);
      return { type: 'BINARY[]', peek: name === 'BINARY.PEEK', part, partial: parsePartial(cursor) };
    }
    case 'BINARY.SIZE':
      return { type: 'BINARY.SIZE[]', part: parseBinaryPart(cursor) };
    default:
      throw new ImapSyntaxError('Unknown FETCH item');
  }
}

function parseSection(cursor: Cursor): Section {
  const section: Section = { part: parsePart(cursor), text: undefined, fields: [] };
  if (cursor.accept(CLOSE_BRACKET)) return section;
  if (section.part.length > 0) cursor.expect(DOT);
  const text = itemName(cursor);
  switch (text) {
    case 'HEADER':
    case 'TEXT':
      section.text = text;
      break;
    case 'MIME':
      if (section.part.length === 0) throw new ImapSyntaxError('MIME needs a part number');
      section.text = text;
      break;
    case 'HEADER.FIELDS':
    case 'HEADER.FIELDS.NOT':
      section.text = text;
      cursor.space();
      cursor.open();
      cursor.restOfList(() => section.fields.push(cursor.astring()));
      break;
    default:
      throw new ImapSyntaxError('Unknown section');
  }
  cursor.expect(CLOSE_BRACKET);
  return section;
}

/** section-part; the dot after its last number is left where a section text follows. */
function parsePart(cursor: Cursor): number[] {
  const part: number[] = [];
  if (!isDigit(cursor.peek)) return part;
  for (;;) {
    part.push(cursor.nonZeroNumber());
    if (part.length > MAX_PART_DEPTH) throw new ImapSyntaxError('Part number too deep');
    if (cursor.peek !== DOT || !isDigit(cursor.octets[cursor.at + 1] ?? -1)) return part;
    cursor.at++;
  }
}

function parseBinaryPart(cursor: Cursor): number[] {
  const part = parsePart(cursor);
  cursor.expect(CLOSE_BRACKET);
  return part;
}

function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39;
}

function parsePartial(cursor: Cursor): PartialRange | undefined {
  if (!cursor.accept(0x3c)) return undefined;
  const offset = cursor.number64();
  cursor.expect(DOT);
  const length = cursor.number64();
  if (length === 0) throw new ImapSyntaxError('Number must not be zero');
  cursor.expect(0x3e);
  return { offset, length };
}
