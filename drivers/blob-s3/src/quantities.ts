import { z } from 'zod';

const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const SIZES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

function quantity(units: Readonly<Record<string, number>>, example: string, least: string, most: string) {
  const parse = (text: string): number => {
    const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text) ?? [];
    return unit === undefined ? Number.NaN : Math.round(Number(digits) * (units[unit] ?? Number.NaN));
  };
  const [low, high] = [parse(least), parse(most)];
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value >= low && value <= high) return value;
    context.addIssue({
      code: 'custom',
      message: `expected ${least} to ${most}, such as "${example}" (units: ${Object.keys(units).join(', ')})`,
    });
    return z.NEVER;
  });
}

/** A length of time written "10s"; milliseconds inside. */
export const duration = (least: string, most: string) => quantity(DURATIONS, '10s', least, most);

/** A number of octets written "8 MiB"; octets inside. */
export const byteSize = (least: string, most: string) => quantity(SIZES, '8 MiB', least, most);
