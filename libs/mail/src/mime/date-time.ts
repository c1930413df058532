/** The date and time of a Date field (RFC 5322 section 3.3 and the obsolete forms of 4.3). */

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const ZONES: Record<string, number> = {
  UT: 0,
  GMT: 0,
  UTC: 0,
  Z: 0,
  EST: -300,
  EDT: -240,
  CST: -360,
  CDT: -300,
  MST: -420,
  MDT: -360,
  PST: -480,
  PDT: -420,
};

/** A moment with the calendar day that the sender wrote; SENTBEFORE, SENTON and SENTSINCE look at that day alone. */
export interface MailDate {
  /** Milliseconds since 1970-01-01 UTC. */
  epochMs: number;
  /** Minutes east of UTC. */
  zone: number;
  year: number;
  /** 1 to 12. */
  month: number;
  day: number;
}

/** Longer text is no date. */
const MAX_LENGTH = 256;

const DATE =
  /^(?:[A-Za-z]{1,16}\.?\s{0,8},?\s{0,8})?(\d{1,2})[\s-]{1,8}([A-Za-z]{3,9})\.?[\s,-]{1,8}(\d{2,4})(?:\s{1,8}(\d{1,2})\s?[:.]\s?(\d{1,2})(?:\s?[:.]\s?(\d{1,2})(?:\.\d{1,9})?)?)?\s{0,8}(?:([+-]\d{2}):?(\d{2})|([A-Za-z]{1,5}))?/;

/** C's asctime: `Mon Jan  1 00:00:00 2024`, which some programs write. */
const ASCTIME = /^[A-Za-z]{3},?\s{1,8}([A-Za-z]{3})\s{1,8}(\d{1,2})\s{1,8}(\d{1,2}):(\d{2}):(\d{2})\s{1,8}(\d{4})/;

/**
 * Reads a Date field's value, comments and folds included. Obsolete zone names and two- and three-digit years are
 * understood (section 4.3: 00 to 49 are 2000 to 2049, all others count from 1900); an unknown zone is taken for UTC.
 * Undefined when it is no date or no such day exists.
 */
export function parseMailDate(value: string): MailDate | undefined {
  if (value.length > MAX_LENGTH) return undefined;
  const text = withoutComments(value).trim();
  const match = DATE.exec(text);
  if (match === null) return parseAsctime(text);
  const clock = [Number(match[4] ?? 0), Number(match[5] ?? 0), Number(match[6] ?? 0)] as const;
  return mailDate(fullYear(match[3]!), match[2]!, Number(match[1]), clock, zoneOf(match[7], match[8], match[9]));
}

function parseAsctime(text: string): MailDate | undefined {
  const match = ASCTIME.exec(text);
  if (match === null) return undefined;
  const clock = [Number(match[3]), Number(match[4]), Number(match[5])] as const;
  return mailDate(Number(match[6]), match[1]!, Number(match[2]), clock, 0);
}

function mailDate(
  year: number,
  monthName: string,
  day: number,
  [hour, minute, second]: readonly [number, number, number],
  zone: number,
): MailDate | undefined {
  const name = monthName[0]!.toUpperCase() + monthName.slice(1, 3).toLowerCase();
  const month = MONTHS.indexOf(name);
  // A leap second is counted as the first second of the next minute.
  if (month < 0 || hour > 23 || minute > 59 || second > 60 || year > 9999) return undefined;
  const midnight = new Date(0).setUTCFullYear(year, month, day);
  const date = new Date(midnight);
  if (date.getUTCDate() !== day || date.getUTCMonth() !== month) return undefined;
  const epochMs = midnight + ((hour * 60 + minute - zone) * 60 + second) * 1000;
  return { epochMs, zone, year, month: month + 1, day };
}

function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length === 2) return year < 50 ? 2000 + year : 1900 + year;
  return digits.length === 3 ? 1900 + year : year;
}

function zoneOf(hours: string | undefined, minutes: string | undefined, name: string | undefined): number {
  if (hours === undefined) return name === undefined ? 0 : (ZONES[name.toUpperCase()] ?? 0);
  const offset = Math.abs(Number(hours)) * 60 + Number(minutes);
  if (offset === 0) return 0;
  return hours[0] === '-' ? -offset : offset;
}

function withoutComments(text: string): string {
  if (!text.includes('(')) return text;
  let result = '';
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '\\' && depth > 0) at++;
    else if (char === '(') depth++;
    else if (char === ')' && depth > 0) depth--;
    else if (depth === 0) result += char;
  }
  return result;
}

let lastSecond = Number.NaN;
let lastZone = 0;
let lastDate = '';

/** `Mon, 1 Jan 2024 01:02:03 +0100`; `zone` in minutes east of UTC. Years 0 to 9999. */
export function formatMailDate(epochMs: number, zone = 0): string {
  const second = Math.floor(epochMs / 1000);
  // A server writes the same second into many messages.
  if (second === lastSecond && zone === lastZone) return lastDate;
  const date = new Date(epochMs + zone * 60_000);
  const east = Math.abs(zone);
  const offset = `${zone < 0 ? '-' : '+'}${two(Math.floor(east / 60))}${two(east % 60)}`;
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  const year = String(date.getUTCFullYear()).padStart(4, '0');
  lastDate = `${DAYS[date.getUTCDay()]}, ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${year} ${time} ${offset}`;
  lastSecond = second;
  lastZone = zone;
  return lastDate;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}
