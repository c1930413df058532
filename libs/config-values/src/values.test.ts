import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { byteSize, camelKeys, duration } from './index.ts';

const messageOf = (schema: z.ZodType, value: unknown) => schema.safeParse(value).error?.issues[0]?.message;

describe('quantities', () => {
  it.each([
    ['250ms', 250],
    ['1.5 s', 1500],
    ['2m', 120_000],
    ['1d', 86_400_000],
  ])('reads the duration %s', (text, milliseconds) => {
    expect(duration().parse(text)).toBe(milliseconds);
  });

  it.each([
    ['1 kB', 1000],
    ['1KiB', 1024],
    ['0.5 GiB', 2 ** 29],
  ])('reads the size %s', (text, octets) => {
    expect(byteSize().parse(text)).toBe(octets);
  });

  it.each(['', '5', '-1s', '1 sec', 's', '1e3s', '1s 2ms'])('refuses "%s" with an example and the units', (text) => {
    expect(messageOf(duration(), text)).toBe('expected a duration, such as "30s" (units: ms, s, m, h, d)');
  });

  it('tells the bounds, which belong to what is allowed', () => {
    const schema = byteSize('1 MiB', '1 GiB');
    expect(schema.parse('1 MiB')).toBe(2 ** 20);
    expect(schema.parse('1 GiB')).toBe(2 ** 30);
    expect(messageOf(schema, '1023 KiB')).toBe('expected at least 1 MiB and at most 1 GiB');
    expect(messageOf(duration('1s'), '999ms')).toBe('expected at least 1s');
  });
});

describe('camelKeys', () => {
  it('renames keys after the checks, whose errors name keys as they are written', () => {
    const schema = z
      .strictObject({ 'pool-size': z.int().default(10), 'tls-ca-file': z.string().optional(), host: z.string() })
      .transform(camelKeys);
    expect(schema.parse({ host: 'a', 'tls-ca-file': 'b' })).toEqual({ host: 'a', poolSize: 10, tlsCaFile: 'b' });
    expect(schema.safeParse({ host: 'a', 'pool-size': 'x' }).error?.issues[0]?.path).toEqual(['pool-size']);
  });

  it('leaves the tables within alone', () => {
    expect(camelKeys({ 'a-b': { 'c-d': 1 } })).toEqual({ aB: { 'c-d': 1 } });
  });
});
