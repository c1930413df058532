import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatMailDate, parseMailDate } from './date-time.ts';

describe('a date', () => {
  it.each([
    ['Mon, 1 Jan 2024 01:02:03 +0100', '2024-01-01T00:02:03.000Z'],
    ['1 Jan 2024 01:02 -0000 (UTC)', '2024-01-01T01:02:00.000Z'],
    ['Fri, 21 Nov 97 09:55:06 EST', '1997-11-21T14:55:06.000Z'],
    ['21 Nov 03 09:55:06 GMT', '2003-11-21T09:55:06.000Z'],
    ['21 Nov 103 09:55:06 Z', '2003-11-21T09:55:06.000Z'],
    ['Thu (day),  13 (x)\r\n Feb 1969 23:32 -0330', '1969-02-14T03:02:00.000Z'],
    ['Mon Jan  1 00:00:00 2024', '2024-01-01T00:00:00.000Z'],
    ['Monday, 01-January-2024 10:00:00 +05:30', '2024-01-01T04:30:00.000Z'],
    ['1 Jan 2024', '2024-01-01T00:00:00.000Z'],
    ['29 Feb 2024 23:59:60 +0000', '2024-03-01T00:00:00.000Z'],
  ])('%s', (value, expected) => {
    expect(new Date(parseMailDate(value)!.epochMs).toISOString()).toBe(expected);
  });

  it.each(['', 'yesterday', '31 Feb 2024 00:00:00 +0000', '1 Jan 2024 25:00:00 +0000', '1 Xxx 2024', ' '.repeat(9999)])(
    'is not `%s`',
    (value) => {
      expect(parseMailDate(value)).toBeUndefined();
    },
  );

  it('keeps the day that the sender wrote', () => {
    expect(parseMailDate('Tue, 2 Jan 2024 00:30:00 +1200')).toMatchObject({ year: 2024, month: 1, day: 2, zone: 720 });
  });

  it('is written so that it is read the same', () => {
    const moment = fc.integer({ min: 0, max: 253_000_000_000 });
    fc.assert(
      fc.property(moment, fc.integer({ min: -720, max: 840 }), (seconds, zone) => {
        expect(parseMailDate(formatMailDate(seconds * 1000, zone))).toMatchObject({ epochMs: seconds * 1000, zone });
      }),
    );
    expect(formatMailDate(Date.UTC(2024, 0, 1, 0, 2, 3), -330)).toBe('Sun, 31 Dec 2023 18:32:03 -0530');
  });
});
