/** Dates of the formal syntax (RFC 9051 section 9): date-time of APPEND and FETCH, date of SEARCH. */

/** A moment and the zone in which it was or will be shown. */
export interface InternalDate {
  /** Seconds since 1970-01-01 UTC. */
  seconds: number;
  /** Minutes east of UTC. */
  zone: number;
}

/** A day without regard to time and zone. */
export interface CalendarDate {
  year: number;
  /** 1 to 12. */
  month: number;
  day: number;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const DATE_TIME = /^( \d|\d\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/;
const DATE = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/;

/** Reads date-time without its quotes; undefined when it is none or no such moment exists. */
export function parseInternalDate(text: string): InternalDate | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const date = calendarDate(match[1]!.trim(), match[2]!, match[3]!);
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6])];
  const [zoneHour, zoneMinute] = [Number(match[8]), Number(match[9])];
  // A leap second is counted as the first second of the next minute.
  if (date === undefined || hour > 23 || minute > 59 || second > 60 || zoneMinute > 59) return undefined;
  const zone = (match[7] === '-' ? -1 : 1) * (zoneHour * 60 + zoneMinute);
  const local = daysSinceEpoch(date) * 86_400 + hour * 3600 + minute * 60 + second;
  return { seconds: local - zone * 60, zone: zone + 0 };
}

/** Reads date-text; undefined when it is none or no such day exists. */
export function parseCalendarDate(text: string): CalendarDate | undefined {
  const match = DATE.exec(text);
  return match === null ? undefined : calendarDate(match[1]!, match[2]!, match[3]!);
}

/** `17-Jul-1996 02:44:25 -0700`, always 26 characters, without quotes. Years 0 to 9999. */
export function formatInternalDate(seconds: number, zone = 0): string {
  const date = new Date((seconds + zone * 60) * 1000);
  const day = String(date.getUTCDate()).padStart(2, ' ');
  const year = String(date.getUTCFullYear()).padStart(4, '0');
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  const east = Math.abs(zone);
  const offset = `${zone < 0 ? '-' : '+'}${two(Math.floor(east / 60))}${two(east % 60)}`;
  return `${day}-${MONTHS[date.getUTCMonth()]}-${year} ${time} ${offset}`;
}

/** `1-Feb-1994` */
export function formatCalendarDate(date: CalendarDate): string {
  return `${date.day}-${MONTHS[date.month - 1]}-${String(date.year).padStart(4, '0')}`;
}

/** Days from 1970-01-01 to the date, to compare days with. */
export function daysSinceEpoch(date: CalendarDate): number {
  return utcMidnight(date) / 86_400_000;
}

function utcMidnight(date: CalendarDate): number {
  // Date.UTC takes the years 0 to 99 for 1900 to 1999.
  return new Date(0).setUTCFullYear(date.year, date.month - 1, date.day);
}

function calendarDate(day: string, month: string, year: string): CalendarDate | undefined {
  const name = month[0]!.toUpperCase() + month.slice(1).toLowerCase();
  const date = { year: Number(year), month: MONTHS.indexOf(name) + 1, day: Number(day) };
  if (date.month === 0 || date.day === 0) return undefined;
  return new Date(utcMidnight(date)).getUTCDate() === date.day ? date : undefined;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}
