import { z } from 'zod';

type Units = Readonly<Record<string, number>>;

const DURATIONS: Units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZES: Units = {
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

function parse(text: string, units: Units): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text) ?? [];
  return Math.round(Number(digits) * (units[unit] ?? Number.NaN));
}

function quantity(units: Units, what: string, example: string, least?: string, most?: string) {
  const low = least === undefined ? 0 : parse(least, units);
  const high = most === undefined ? Number.POSITIVE_INFINITY : parse(most, units);
  const range = [least && `at least ${least}`, most && `at most ${most}`].filter(Boolean).join(' and ');
  return z.string().transform((text, context) => {
    const value = parse(text, units);
    if (value >= low && value <= high) return value;
    const expected = Number.isNaN(value)
      ? `expected ${what}, such as "${example}" (units: ${Object.keys(units).join(', ')})`
      : `expected ${range}`;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

/**
 * A length of time written "30s"; milliseconds inside. Bounds are written likewise, and belong to what is allowed. Give a default
 * as it is written: `duration().prefault('30s')`.
 */
export const duration = (least?: string, most?: string) => quantity(DURATIONS, 'a duration', '30s', least, most);

/** A number of octets written "50 MiB"; octets inside. Bounds and defaults as for `duration`. */
export const byteSize = (least?: string, most?: string) => quantity(SIZES, 'a size', '50 MiB', least, most);
