import { storage } from '@stoa/contracts';
import { foldCase, formatMailDate, type SearchKey } from '@stoa/mail';
import fc from 'fast-check';
import type { FakeMessage } from './fake-store.ts';

const Field = storage.TextTerm_Field;
const DAY = 86_400;

/** Words of messages and of searches, so that they often meet; some fold in special ways. */
const WORDS = ['alpha', 'Beta', 'GAMMA', 'größe', 'Σίσυφος', 'İstanbul', 'a', '日本', 'x-one', 'text', 'al'];
const word = fc.constantFrom(...WORDS);
const phrase = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(' '));
const DATES = [Date.UTC(2024, 0, 1), Date.UTC(2024, 0, 2), Date.UTC(2024, 1, 29)];

export interface ModelAddress {
  name: string;
  address: string;
}

/** A message by what it says, from which both its octets and the answers to searches follow. */
export interface ModelMessage {
  from: ModelAddress;
  cc: ModelAddress | undefined;
  subject: string | undefined;
  /** Midday of the sender's day, in milliseconds. */
  date: number | undefined;
  extra: string | undefined;
  parts: readonly { encoding: 'base64' | 'quoted-printable' | '8bit'; text: string; name: string }[];
  seen: boolean;
  flagged: boolean;
  work: boolean;
  /** Day of the internal date, from 2024 on. */
  day: number;
  modseq: number;
  gap: number;
}

const address: fc.Arbitrary<ModelAddress> = fc.record({
  name: phrase,
  address: fc.constantFrom('alpha@example.test', 'beta@gamma.test', 'x@al.test'),
});

export const modelMessage: fc.Arbitrary<ModelMessage> = fc.record({
  from: address,
  cc: fc.option(address, { nil: undefined }),
  subject: fc.option(phrase, { nil: undefined }),
  date: fc.option(fc.constantFrom(...DATES), { nil: undefined }),
  extra: fc.option(phrase, { nil: undefined }),
  parts: fc.array(
    fc.record({
      encoding: fc.constantFrom('base64' as const, 'quoted-printable' as const, '8bit' as const),
      text: fc.array(phrase, { minLength: 1, maxLength: 3 }).map((lines) => lines.join('\r\n')),
      name: word,
    }),
    { minLength: 1, maxLength: 3 },
  ),
  seen: fc.boolean(),
  flagged: fc.boolean(),
  work: fc.boolean(),
  day: fc.nat(4),
  modseq: fc.integer({ min: 1, max: 20 }),
  gap: fc.constantFrom(1, 1, 1, 2, 300),
});

const encoded = (text: string) => `=?utf-8?b?${Buffer.from(text).toString('base64')}?=`;
const mailbox = ({ name, address }: ModelAddress) => `${encoded(name)} <${address}>`;

function quotedPrintable(text: string): string {
  return text.replaceAll(/[^\r\n\x20-\x3c\x3e-\x7e]/gu, (character) =>
    Array.from(Buffer.from(character), (octet) => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

/** Header fields as written, and as they read. */
function headerOf(message: ModelMessage): [name: string, written: string, read: string][] {
  const { from, cc, subject, date, extra } = message;
  const fields: [string, string, string][] = [['From', mailbox(from), `${from.name} <${from.address}>`]];
  if (cc !== undefined) fields.push(['Cc', mailbox(cc), `${cc.name} <${cc.address}>`]);
  if (subject !== undefined) fields.push(['Subject', encoded(subject), subject]);
  if (date !== undefined) fields.push(['Date', formatMailDate(date), formatMailDate(date)]);
  if (extra !== undefined) fields.push(['X-One', encoded(extra), extra]);
  return fields;
}

const CONTENT_TYPE = 'multipart/mixed; boundary="=="';

function partHeader({ encoding, name }: ModelMessage['parts'][number]): string[] {
  return [
    'Content-Type: text/plain; charset=utf-8',
    `Content-Transfer-Encoding: ${encoding}`,
    `Content-Description: ${name}`,
  ];
}

/** The octets of a message, and its row of the index. */
export function written(message: ModelMessage, uid: number): FakeMessage {
  const header = headerOf(message).map(([name, value]) => `${name}: ${value}\r\n`);
  const parts = message.parts.map((part) => {
    const { encoding, text } = part;
    const fields = partHeader({ ...part, name: encoded(part.name) });
    const body =
      encoding === '8bit' ? text : encoding === 'base64' ? Buffer.from(text).toString('base64') : quotedPrintable(text);
    return `--==\r\n${fields.join('\r\n')}\r\n\r\n${body}\r\n`;
  });
  const raw = Buffer.from(`${header.join('')}Content-Type: ${CONTENT_TYPE}\r\n\r\n${parts.join('')}--==--\r\n`);
  const flags = (message.seen ? 1 : 0) | (message.flagged ? 4 : 0) | (message.work ? 1 << 8 : 0);
  const seconds = Date.UTC(2024, 0, 1) / 1000 + message.day * DAY + DAY - 1;
  return { uid, raw, flags, seconds, modseq: message.modseq };
}

const has = (text: string, value: string) => foldCase(text).includes(foldCase(value));

const addressHas = ({ name, address }: ModelAddress, value: string) =>
  has(`${name} <${address}>`, value) || has(`"${name}" <${address}>`, value);

const bodyHas = ({ parts }: ModelMessage, value: string) => parts.some(({ text }) => has(text, value));

function textHas(message: ModelMessage, value: string): boolean {
  const header = headerOf(message).map(([name, , read]) => `${name}: ${read}\n`);
  if (has(`${header.join('')}Content-Type: ${CONTENT_TYPE}\n`, value) || bodyHas(message, value)) return true;
  return message.parts.some((part) => has(`${partHeader(part).join('\n')}\n`, value));
}

/** Where a message stands in its mailbox. */
export interface Place {
  uid: number;
  lastUid: number;
  sequence: number;
  count: number;
}

/** Whether a search is true of a message: the plain meaning of each key, without any index. */
export function isTrueOf(key: SearchKey, message: ModelMessage, place: Place): boolean {
  const again = (other: SearchKey) => isTrueOf(other, message, place);
  switch (key.type) {
    case 'all':
      return true;
    case 'flag': {
      const flags: Record<string, boolean> = {
        '\\Seen': message.seen,
        '\\Flagged': message.flagged,
        $Work: message.work,
      };
      return (flags[key.flag] ?? false) === key.present;
    }
    case 'from':
      return addressHas(message.from, key.value.text);
    case 'cc':
      return message.cc !== undefined && addressHas(message.cc, key.value.text);
    case 'subject':
      return message.subject !== undefined && has(message.subject, key.value.text);
    case 'header': {
      const field = headerOf(message).find(([name]) => name.toLowerCase() === key.field.toLowerCase());
      return field !== undefined && has(field[2], key.value.text);
    }
    case 'body':
      return bodyHas(message, key.value.text);
    case 'text':
      return textHas(message, key.value.text);
    case 'before':
    case 'on':
    case 'since': {
      const asked = Date.UTC(key.date.year, key.date.month - 1, key.date.day);
      if (key.sent && message.date === undefined) return false;
      const day = key.sent ? (message.date as number) : Date.UTC(2024, 0, 1 + message.day);
      return key.type === 'before' ? day < asked : key.type === 'on' ? day === asked : day >= asked;
    }
    case 'modseq':
      return message.modseq >= key.modSeq;
    case 'uid':
    case 'sequence': {
      if (key.set === '$') return false;
      const { uid, lastUid, sequence, count } = place;
      const [number, last] = key.type === 'uid' ? [uid, lastUid] : [sequence, count];
      const [one, two] = key.set.map((bound) => (bound === 0 ? last : bound)) as [number, number];
      return number >= Math.min(one, two) && number <= Math.max(one, two);
    }
    case 'not':
      return !again(key.key);
    case 'or':
      return again(key.left) || again(key.right);
    case 'and':
      return key.keys.every(again);
    default:
      throw new Error(`no model of ${key.type}`);
  }
}

/** Whether an index has a message for a term: names and addresses are apart in it. */
export function isIndexed({ field, text }: storage.TextTerm, message: ModelMessage): boolean {
  const inAddress = (one: ModelAddress | undefined) =>
    one !== undefined && (has(one.name, text) || has(one.address, text));
  switch (field) {
    case Field.FIELD_BODY:
      return bodyHas(message, text);
    case Field.FIELD_TEXT:
      return textHas(message, text);
    case Field.FIELD_SUBJECT:
      return message.subject !== undefined && has(message.subject, text);
    case Field.FIELD_FROM:
      return inAddress(message.from);
    case Field.FIELD_CC:
      return inAddress(message.cc);
    default:
      return false;
  }
}

const value = fc
  .oneof(word, phrase, fc.constantFrom('', 'alpha <al', 'beta" <', '@', 'a', 'ΣΊΣΥΦΟΣ', 'i\u0307', 'Subject: al'))
  .chain((text) => fc.constantFrom(text, text.toUpperCase(), text.slice(1)))
  .map((text) => ({ octets: Buffer.from(text), text }));
const date = fc.record({ year: fc.constant(2024), month: fc.constantFrom(1, 2), day: fc.constantFrom(1, 2, 3, 29) });
const bound = fc.constantFrom(0, 1, 2, 3, 5, 302);
const set = fc.tuple(bound, bound);

export const { key: modelKey } = fc.letrec<{ key: SearchKey }>((tie) => ({
  key: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant<SearchKey>({ type: 'all' }),
    fc.record({
      type: fc.constant('flag' as const),
      flag: fc.constantFrom('\\Seen', '\\Flagged', '\\Draft', '$Work', '$None'),
      present: fc.boolean(),
    }),
    fc.record({ type: fc.constantFrom('from', 'cc', 'subject', 'body', 'text') as never, value }),
    fc.record({
      type: fc.constant('header' as const),
      field: fc.constantFrom('x-one', 'Subject', 'date', 'none'),
      value,
    }),
    fc.record({ type: fc.constantFrom('before', 'on', 'since') as never, sent: fc.boolean(), date }),
    fc.record({ type: fc.constant('modseq' as const), modSeq: fc.nat(20), entry: fc.constant(undefined) }),
    fc.record({ type: fc.constantFrom('uid', 'sequence') as never, set }),
    fc.record({ type: fc.constant('not' as const), key: tie('key') }),
    fc.record({ type: fc.constant('or' as const), left: tie('key'), right: tie('key') }),
    fc.record({ type: fc.constant('and' as const), keys: fc.array(tie('key'), { minLength: 1, maxLength: 3 }) }),
  ) as fc.Arbitrary<SearchKey>,
}));
