/** Words that bodies and subjects are made of; none of them is part of another or of a marker. */
const WORDS = (
  'about after again along always answer before begin board bring budget carry change charge claim close coffee copy ' +
  'country delay detail dinner draft early effort engine estimate evening factory figure final folder follow friday garden ' +
  'guide happen harbour invoice island journey kitchen ladder letter market meeting member minute monday morning number ' +
  'object office paper people picture please project proposal quarter question railway reason receipt remind report river ' +
  'schedule second service shipment simple station summer supply table thank ticket today together travel tuesday under ' +
  'update valley village water weather wednesday window winter wonder yellow'
).split(' ');

const NAMES = ['Ada', 'Bruno', 'Chiara', 'Dmitri', 'Elif', 'Farid', 'Grace', 'Hana', 'Ivo', 'Jamal', 'Keiko', 'Lena'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const LINE_LENGTH = 72;
/** The first message is of this day; each day has a hundred. */
const FIRST_DAY = Date.UTC(2023, 0, 2, 8);
const PER_DAY = 100;

/** Every 500th message has this in its subject, others nowhere. */
export const SUBJECT_MARKER = 'zeppelin';
/** Every 400th message has this in its body, others nowhere. */
export const BODY_MARKER = 'xylophone';
export const SUBJECT_EVERY = 500;
export const BODY_EVERY = 400;

/** Numbers that depend on the seed alone. */
export function random(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function dateOf(n: number): Date {
  return new Date(FIRST_DAY + Math.floor(n / PER_DAY) * 86_400_000 + (n % PER_DAY) * 300_000);
}

const two = (value: number) => String(value).padStart(2, '0');

/** The moment of RFC 9051's date-time, in quotes. */
export function internalDate(date: Date): string {
  const day = String(date.getUTCDate()).padStart(2);
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':');
  return `"${day}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()} ${time} +0000"`;
}

/** A day as SEARCH names it. */
export function searchDay(date: Date): string {
  return `${date.getUTCDate()}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()}`;
}

function headerDate(date: Date): string {
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':');
  return `${DAYS[date.getUTCDay()]}, ${two(date.getUTCDate())} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()} ${time} +0000`;
}

function prose(next: () => number, octets: number, marker?: string): string {
  let text = '';
  let column = 0;
  const add = (word: string) => {
    const fits = column + word.length < LINE_LENGTH;
    text += column === 0 ? word : fits ? ` ${word}` : `\r\n${word}`;
    column = fits && column > 0 ? column + word.length + 1 : word.length;
  };
  if (marker !== undefined) add(marker);
  while (text.length < octets - 12) add(WORDS[Math.floor(next() * WORDS.length)] as string);
  return `${text}\r\n`;
}

/**
 * Message number `n` of a mailbox, of about so many octets: the same for every server and run. One in three has two parts, one
 * in eight is an answer to another.
 */
export function message(n: number, octets = 2048): Buffer {
  const next = random(n);
  const pick = <T>(from: readonly T[]) => from[Math.floor(next() * from.length)] as T;
  const [from, to] = [pick(NAMES), pick(NAMES)];
  const words = [pick(WORDS), pick(WORDS), pick(WORDS), ...(n % SUBJECT_EVERY === 0 ? [SUBJECT_MARKER] : [])];
  const reply = n % 8 === 3;
  const multipart = n % 3 === 1;
  const head = [
    `Received: from relay${n % 7}.example.org (relay${n % 7}.example.org [192.0.2.${n % 250}])`,
    `\tby mx.example.test with ESMTPS id Q${n.toString(36)}; ${headerDate(dateOf(n))}`,
    `Date: ${headerDate(dateOf(n))}`,
    `From: ${from} <${from.toLowerCase()}@example.org>`,
    `To: ${to} <${to.toLowerCase()}@example.test>`,
    ...(n % 5 === 0 ? [`Cc: ${pick(NAMES)} <list@example.org>`] : []),
    `Subject: ${reply ? 'Re: ' : ''}${words.join(' ')} ${n}`,
    `Message-ID: <m${n}@example.org>`,
    ...(reply ? [`In-Reply-To: <m${n - 3}@example.org>`, `References: <m${n - 3}@example.org>`] : []),
    'MIME-Version: 1.0',
  ].join('\r\n');
  const plain = 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n';
  const marker = n % BODY_EVERY === 0 ? BODY_MARKER : undefined;
  const left = Math.max(64, octets - head.length - plain.length);
  if (!multipart) return Buffer.from(`${head}\r\n${plain}${prose(next, left, marker)}`);
  const boundary = `part${n}`;
  const html = 'Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n';
  const half = Math.max(32, (left - html.length - 120) / 2);
  return Buffer.from(
    `${head}\r\nContent-Type: multipart/alternative; boundary="${boundary}"\r\n\r\n` +
      `--${boundary}\r\n${plain}${prose(next, half, marker)}\r\n` +
      `--${boundary}\r\n${html}<p>${prose(next, half)}</p>\r\n--${boundary}--\r\n`,
  );
}

/** Digits by which each copy of a template differs from all others. */
const DIGITS = 12;
const MARK = '0'.repeat(DIGITS);
let copies = 0;

/**
 * A message that is sent again and again, each time another one: `next` changes a number in its Message-ID in place, so a
 * copy must be on its way before the next is made.
 */
export class Template {
  readonly #octets: Buffer;
  readonly #at: number;

  constructor(octets: number) {
    const text = message(1, octets).toString('latin1').replace('<m1@', `<${MARK}@`);
    this.#octets = Buffer.from(text, 'latin1');
    this.#at = this.#octets.indexOf(MARK);
  }

  next(): Buffer {
    copies += 1;
    for (let i = DIGITS - 1, rest = copies; rest > 0; i--, rest = Math.floor(rest / 10))
      this.#octets[this.#at + i] = 48 + (rest % 10);
    return this.#octets;
  }
}
