import type { SearchCommand } from '../command.ts';
import { type CalendarDate, parseCalendarDate } from '../date.ts';
import type { SearchKey, SearchReturn, SearchString } from '../search-key.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import { type TextDecode, textDecode } from './charset.ts';
import type { Cursor } from './cursor.ts';

/** How deep NOT, OR and parentheses may nest. */
const MAX_DEPTH = 100;

const SPACE = 0x20;
const OPEN = 0x28;

interface KeyReader {
  cursor: Cursor;
  decode: TextDecode;
}

/** The arguments of SEARCH (RFC 9051 section 6.4.4). */
export function parseSearch(cursor: Cursor, tag: string, uid: boolean): SearchCommand {
  cursor.space();
  let options: SearchReturn | undefined;
  if (cursor.acceptKeyword('RETURN')) {
    options = parseReturn(cursor);
    cursor.space();
  }
  let charset: string | undefined;
  if (cursor.acceptKeyword('CHARSET')) {
    cursor.space();
    charset = cursor.astring();
    cursor.space();
  }
  const reader: KeyReader = { cursor, decode: textDecode(charset) };
  const keys: SearchKey[] = [];
  do keys.push(parseKey(reader, 0));
  while (cursor.accept(SPACE));
  return { tag, name: 'SEARCH', uid, charset, return: options, keys };
}

/** search-return-opts (RFC 4731 section 3.1, RFC 5182 section 2.1). */
function parseReturn(cursor: Cursor): SearchReturn {
  const options: SearchReturn = { min: false, max: false, all: false, count: false, save: false };
  cursor.space();
  cursor.open();
  let any = false;
  cursor.restOfList(() => {
    any = true;
    const name = cursor.keyword('a return option').toLowerCase();
    if (!Object.hasOwn(options, name)) throw new ImapSyntaxError('Unknown return option');
    options[name as keyof SearchReturn] = true;
  }, true);
  if (!any) options.all = true;
  return options;
}

function parseKey(reader: KeyReader, depth: number): SearchKey {
  if (depth > MAX_DEPTH) throw new ImapSyntaxError('Search keys nest too deep');
  const { cursor } = reader;
  const octet = cursor.peek;
  if (octet === OPEN) {
    cursor.at++;
    const keys: SearchKey[] = [];
    cursor.restOfList(() => keys.push(parseKey(reader, depth + 1)));
    return { type: 'and', keys };
  }
  if ((octet >= 0x30 && octet <= 0x39) || octet === 0x2a || octet === 0x24) {
    return { type: 'sequence', set: cursor.sequenceSet() };
  }
  const parse = KEYS.get(cursor.keyword('a search key'));
  if (parse === undefined) throw new ImapSyntaxError('Unknown search key');
  return parse(reader, depth);
}

type ParseKey = (reader: KeyReader, depth: number) => SearchKey;

const flag =
  (name: string, present: boolean): ParseKey =>
  () => ({ type: 'flag', flag: name, present });

const keyword =
  (present: boolean): ParseKey =>
  ({ cursor }) => {
    cursor.space();
    return { type: 'flag', flag: cursor.atom('a keyword'), present };
  };

const text =
  (type: 'from' | 'to' | 'cc' | 'bcc' | 'subject' | 'body' | 'text'): ParseKey =>
  (reader) => ({ type, value: parseValue(reader) });

const date =
  (type: 'before' | 'on' | 'since', sent: boolean): ParseKey =>
  ({ cursor }) => ({ type, sent, date: parseDate(cursor) });

const size =
  (type: 'larger' | 'smaller'): ParseKey =>
  ({ cursor }) => {
    cursor.space();
    return { type, size: cursor.number64() };
  };

const KEYS = new Map<string, ParseKey>([
  ['ALL', () => ({ type: 'all' })],
  ['ANSWERED', flag('\\Answered', true)],
  ['UNANSWERED', flag('\\Answered', false)],
  ['DELETED', flag('\\Deleted', true)],
  ['UNDELETED', flag('\\Deleted', false)],
  ['DRAFT', flag('\\Draft', true)],
  ['UNDRAFT', flag('\\Draft', false)],
  ['FLAGGED', flag('\\Flagged', true)],
  ['UNFLAGGED', flag('\\Flagged', false)],
  ['SEEN', flag('\\Seen', true)],
  ['UNSEEN', flag('\\Seen', false)],
  ['KEYWORD', keyword(true)],
  ['UNKEYWORD', keyword(false)],
  ['RECENT', () => ({ type: 'recent' })],
  ['NEW', () => ({ type: 'new' })],
  ['OLD', () => ({ type: 'old' })],
  ['FROM', text('from')],
  ['TO', text('to')],
  ['CC', text('cc')],
  ['BCC', text('bcc')],
  ['SUBJECT', text('subject')],
  ['BODY', text('body')],
  ['TEXT', text('text')],
  ['HEADER', parseHeader],
  ['BEFORE', date('before', false)],
  ['ON', date('on', false)],
  ['SINCE', date('since', false)],
  ['SENTBEFORE', date('before', true)],
  ['SENTON', date('on', true)],
  ['SENTSINCE', date('since', true)],
  ['LARGER', size('larger')],
  ['SMALLER', size('smaller')],
  ['UID', parseUid],
  ['MODSEQ', parseModSeq],
  ['NOT', parseNot],
  ['OR', parseOr],
]);

function parseHeader(reader: KeyReader): SearchKey {
  reader.cursor.space();
  const field = reader.cursor.astring();
  return { type: 'header', field, value: parseValue(reader) };
}

function parseUid({ cursor }: KeyReader): SearchKey {
  cursor.space();
  return { type: 'uid', set: cursor.sequenceSet() };
}

function parseNot(reader: KeyReader, depth: number): SearchKey {
  reader.cursor.space();
  return { type: 'not', key: parseKey(reader, depth + 1) };
}

function parseOr(reader: KeyReader, depth: number): SearchKey {
  reader.cursor.space();
  const left = parseKey(reader, depth + 1);
  reader.cursor.space();
  return { type: 'or', left, right: parseKey(reader, depth + 1) };
}

/** search-modsequence (RFC 7162 section 7). */
function parseModSeq({ cursor }: KeyReader): SearchKey {
  cursor.space();
  const octet = cursor.peek;
  if (octet >= 0x30 && octet <= 0x39) return { type: 'modseq', modSeq: cursor.number64(), entry: undefined };
  const name = cursor.string();
  cursor.space();
  const kind = cursor.keyword('an entry type').toLowerCase();
  if (kind !== 'all' && kind !== 'priv' && kind !== 'shared') throw new ImapSyntaxError('Unknown entry type');
  cursor.space();
  return { type: 'modseq', modSeq: cursor.number64(), entry: { name, kind } };
}

function parseValue({ cursor, decode }: KeyReader): SearchString {
  cursor.space();
  // A copy: the command's octets are a part of what the connection read and shall not be kept by it.
  const octets = Buffer.from(cursor.astringOctets());
  return { octets, text: decode(octets) };
}

/** date: with quotes or without. */
function parseDate(cursor: Cursor): CalendarDate {
  cursor.space();
  const value = parseCalendarDate(cursor.astring());
  if (value === undefined) throw new ImapSyntaxError('Invalid date');
  return value;
}
