import { describe, expect, it } from 'vitest';
import {
  daysSinceEpoch,
  formatCalendarDate,
  formatInternalDate,
  parseCalendarDate,
  parseInternalDate,
} from './date.ts';

describe('dates', () => {
  it('reads and writes date-time', () => {
    const seconds = Date.UTC(1996, 6, 17, 9, 44, 25) / 1000;
    expect(parseInternalDate('17-Jul-1996 02:44:25 -0700')).toEqual({ seconds, zone: -420 });
    expect(formatInternalDate(seconds, -420)).toBe('17-Jul-1996 02:44:25 -0700');
    expect(formatInternalDate(seconds)).toBe('17-Jul-1996 09:44:25 +0000');
    expect(parseInternalDate(' 1-feb-0001 00:00:00 +0530')).toMatchObject({ zone: 330 });
    expect(formatInternalDate(parseInternalDate(' 1-Feb-0001 00:00:00 +0530')!.seconds, 330)).toBe(
      ' 1-Feb-0001 00:00:00 +0530',
    );
  });

  it.each([
    '',
    '1-Jul-1996 02:44:25 -0700',
    '31-Feb-2020 00:00:00 +0000',
    '00-Jan-2020 00:00:00 +0000',
    '01-Foo-2020 00:00:00 +0000',
    '01-Jan-2020 24:00:00 +0000',
    '01-Jan-2020 00:00:00 +0060',
    '01-Jan-2020 00:00:00 UTC',
  ])('refuses %j', (text) => {
    expect(parseInternalDate(text)).toBeUndefined();
  });

  it('reads and writes days', () => {
    expect(parseCalendarDate('1-Feb-1994')).toEqual({ year: 1994, month: 2, day: 1 });
    expect(parseCalendarDate('29-feb-2024')).toEqual({ year: 2024, month: 2, day: 29 });
    expect(parseCalendarDate('29-Feb-2023')).toBeUndefined();
    expect(formatCalendarDate({ year: 99, month: 12, day: 3 })).toBe('3-Dec-0099');
    expect(daysSinceEpoch({ year: 1970, month: 1, day: 2 })).toBe(1);
  });
});
