import { z } from 'zod';

const SIZES: Readonly<Record<string, number>> = { B: 1, kB: 1000, KiB: 1024, MB: 1000 ** 2, MiB: 1024 ** 2 };

function parse(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text) ?? [];
  return unit === undefined ? Number.NaN : Math.round(Number(digits) * (SIZES[unit] ?? Number.NaN));
}

/** A number of octets written "64 KiB"; octets inside. */
export function byteSize(least: string, most: string) {
  const [low, high] = [parse(least), parse(most)];
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value >= low && value <= high) return value;
    context.addIssue({
      code: 'custom',
      message: `expected a size from ${least} to ${most}, such as "64 KiB" (units: ${Object.keys(SIZES).join(', ')})`,
    });
    return z.NEVER;
  });
}
