import { describe, expect, it } from 'vitest';
import {
  aliasAddress,
  directoryAddress,
  domainName,
  isAtLiteral,
  outsideAddress,
  targetAddress,
  wireAddress,
} from './address.ts';

const invalid = expect.objectContaining({ code: 'invalid-argument' });

it.each([
  ['Example.ORG', 'example.org'],
  ['Bücher.example', 'xn--bcher-kva.example'],
  ['xn--BCHER-kva.example', 'xn--bcher-kva.example'],
])('the domain %j is %j', (text, name) => {
  expect(domainName(text)).toBe(name);
});

it.each(['', 'localhost', '[192.0.2.1]', 'a..b', '-a.org', 'a b.org', '*.org', 'x'.repeat(300), '192.0.2.1'])(
  '%j is no domain',
  (text) => {
    expect(() => domainName(text)).toThrow(invalid);
  },
);

describe('addresses', () => {
  it('have one form here', () => {
    expect(directoryAddress('"Alice"@Example.ORG')).toBe('alice@example.org');
    expect(directoryAddress('ZU\u0308RICH@bücher.example')).toBe('zürich@xn--bcher-kva.example');
  });

  it('keep their local part outside, and their subaddress as a target here', () => {
    expect(outsideAddress('Alice+Work@Example.ORG')).toBe('Alice+Work@example.org');
    expect(targetAddress('Alice+Work@Example.ORG')).toBe('alice+Work@example.org');
  });

  it('are quoted on the wire where they must be', () => {
    expect(wireAddress(outsideAddress('"a b@c"@Example.org'))).toBe('"a b@c"@example.org');
    expect(wireAddress('a.b@example.org')).toBe('a.b@example.org');
  });

  it('may be a catch-all as alias', () => {
    expect(aliasAddress('*@Example.org')).toBe('*@example.org');
    expect(aliasAddress('Sales@Example.org')).toBe('sales@example.org');
    expect(() => aliasAddress('*@')).toThrow(invalid);
  });

  it.each([
    '',
    'a',
    '@',
    'a@',
    '@b.org',
    'a@[192.0.2.1]',
    'a b@c.org',
    'a\0@b.org',
    `${'x'.repeat(65)}@b.org`,
    'a@b.org\n',
  ])('%j is none', (text) => {
    for (const read of [directoryAddress, outsideAddress, targetAddress, aliasAddress]) {
      expect(() => read(text)).toThrow(invalid);
    }
  });

  it('at literals are known for what they are', () => {
    expect(isAtLiteral('a@[192.0.2.1]')).toBe(true);
    expect(isAtLiteral('a@[nonsense]')).toBe(false);
    expect(isAtLiteral('a@example.org')).toBe(false);
  });
});
