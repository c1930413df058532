import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeConfig } from './describe.ts';
import { ConfigDocument } from './load.ts';
import { address, byteSize, duration, isLoopback, parseAddress, path, Secret, secret } from './types.ts';

const schema = z.strictObject({
  size: byteSize().prefault('1 KiB').describe('How big.'),
  wait: duration().prefault('1s'),
  listen: address().optional(),
  inner: z.strictObject({ count: z.number().default(3) }).optional(),
});

function read(text: string, environment: NodeJS.ProcessEnv = {}) {
  return new ConfigDocument({ file: '/etc/stoa/stoa.toml', text, environment });
}

describe('a configuration', () => {
  it('reads sizes, durations and addresses', () => {
    const section = read('[smtp]\nsize = "50 MiB"\nwait = "1.5s"\nlisten = "[::1]:25"').section('smtp', schema);
    expect(section).toEqual({ size: 52_428_800, wait: 1500, listen: { host: '::1', port: 25 } });
  });

  it('has defaults', () => {
    expect(read('').section('smtp', schema)).toEqual({ size: 1024, wait: 1000 });
  });

  it('names file, line and key of a wrong value, and what was expected', () => {
    expect(() => read('[smtp]\n\nsize = "many"').section('smtp', schema)).toThrow(
      /^\/etc\/stoa\/stoa\.toml:3: smtp\.size: expected a size, such as "50 MiB"/,
    );
  });

  it('refuses an unknown key and says what was meant', () => {
    expect(() => read('[smtp]\nsise = "1 MiB"').section('smtp', schema)).toThrow(
      '/etc/stoa/stoa.toml:2: unknown key smtp.sise; did you mean size?',
    );
  });

  it('names a wrong key in an inner table', () => {
    expect(() => read('[smtp]\n[smtp.inner]\ncount = "x"').section('smtp', schema)).toThrow(
      'stoa.toml:3: smtp.inner.count',
    );
  });

  it('tells all that is wrong at once', () => {
    expect(() => read('[smtp]\nsize = 1\nwait = 2').section('smtp', schema)).toThrow(/size[\s\S]*wait/);
  });

  it('refuses an unknown section', () => {
    expect(() => read('[smpt]\n').checkSectionNames(['smtp', 'imap'])).toThrow(
      'stoa.toml:1: unknown section [smpt]; did you mean smtp?',
    );
  });

  it('names line and column of a syntax error', () => {
    expect(() => read('[smtp]\nsize = = 1')).toThrow(/stoa\.toml:2:\d+/);
  });

  it('takes every key from the environment too', () => {
    const document = read('[smtp]\nsize = "1 MiB"', {
      STOA_SMTP__SIZE: '2 MiB',
      STOA_SMTP__INNER__COUNT: '7',
      STOA_OTHER: 'not ours',
    });
    expect(document.section('smtp', schema)).toMatchObject({ size: 2_097_152, inner: { count: 7 } });
  });

  it('takes what a variable says as text where a text is wanted, and names the variable when it is wrong', () => {
    const named = z.strictObject({ id: z.string(), count: z.number().optional() });
    const environment = { STOA_NODE__ID: '1', STOA_NODE__COUNT: '2' };
    expect(read('', environment).section('node', named)).toEqual({ id: '1', count: 2 });
    expect(() => read('[node]\nid = "a"', { STOA_NODE__COUNT: 'two' }).section('node', named)).toThrow(
      /^environment variable STOA_NODE__COUNT: node\.count: /,
    );
    expect(() => read('', { STOA_SMPT__SIZE: '1' }).checkSectionNames(['smtp'])).toThrow(
      'environment variable STOA_SMPT__SIZE: unknown section [smpt]; did you mean smtp?',
    );
  });

  it('knows what was meant in an inner table too', () => {
    expect(() => read('[smtp.inner]\ncuont = 1').section('smtp', schema)).toThrow(
      'stoa.toml:2: unknown key smtp.inner.cuont; did you mean count?',
    );
  });

  it('never crashes on any text but with a StoaError', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          read(text).section('smtp', schema);
        } catch (error) {
          expect(error).toMatchObject({ name: 'StoaError', code: 'invalid-configuration' });
        }
      }),
    );
  });
});

describe('a secret', () => {
  it('comes from the text, a variable or a file, and does not show itself', () => {
    process.env['STOA_TEST_SECRET'] = 'hush';
    const value = secret().parse({ env: 'STOA_TEST_SECRET' });
    delete process.env['STOA_TEST_SECRET'];
    expect(value).toBeInstanceOf(Secret);
    expect(value.reveal()).toBe('hush');
    expect(`${value} ${JSON.stringify({ value })} ${inspect({ value })}`).not.toContain('hush');
  });

  it('is read from a file beside the configuration, as paths start there', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stoa-config-'));
    writeFileSync(join(folder, 'token'), 'hush\nsecond line\n');
    const text = '[smtp]\ntoken = { file = "token" }\nspool = "spool"';
    const document = new ConfigDocument({ file: join(folder, 'stoa.toml'), text });
    const section = document.section('smtp', z.strictObject({ token: secret(), spool: path() }));
    expect(section.token.reveal()).toBe('hush');
    expect(section.spool).toBe(join(folder, 'spool'));
    rmSync(folder, { recursive: true });
  });

  it('says which file could not be read', () => {
    expect(secret().safeParse({ file: '/nowhere/secret' }).error?.message).toContain('/nowhere/secret');
  });
});

it('addresses are parsed and loopback is recognised', () => {
  expect(parseAddress('mail.example.test:25')).toEqual({ host: 'mail.example.test', port: 25 });
  for (const wrong of ['25', ':25', 'a:b', '::1:25', '127.0.0.1:70000', ''])
    expect(parseAddress(wrong)).toBeUndefined();
  expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '10.0.0.1', '::', 'example.test'].some(isLoopback)).toBe(false);
});

it('the reference has a row for each key', () => {
  expect(describeConfig('smtp', schema)).toContainEqual({
    key: 'smtp.size',
    type: 'string',
    default: '"1 KiB"',
    required: false,
    description: 'How big.',
  });
  expect(describeConfig('smtp', schema).map((row) => row.key)).toContain('smtp.inner.count');
});
