import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AddressOptions,
  AddressSyntaxError,
  canonicalAddress,
  canonicalDomain,
  canonicalLiteral,
  displayDomain,
  formatAddress,
  needsSmtputf8,
  parseAddress,
  splitSubaddress,
} from './index.ts';

function fault(text: string, options?: AddressOptions): string {
  try {
    parseAddress(text, options);
  } catch (error) {
    if (error instanceof AddressSyntaxError) return error.fault;
    throw error;
  }
  return 'accepted';
}

describe('parseAddress', () => {
  it.each([
    ['alice@Example.TEST', 'alice', 'example.test'],
    ['A.b+c/d@x', 'A.b+c/d', 'x'],
    ['"a@b\\"\\\\ c"@x.test', 'a@b"\\ c', 'x.test'],
    ['"plain"@x.test', 'plain', 'x.test'],
    ['a@[192.0.2.1]', 'a', '[192.0.2.1]'],
    ['a@[IPV6:2001:0DB8:0:0:0:0:0:1]', 'a', '[IPv6:2001:db8::1]'],
  ])('reads %s', (text, local, domain) => {
    expect(parseAddress(text)).toEqual({ local, domain });
  });

  it('reads characters beyond ASCII where they are allowed', () => {
    expect(parseAddress('jörg@MÜNCHEN.test', { utf8: true })).toEqual({ local: 'jörg', domain: 'xn--mnchen-3ya.test' });
    expect(parseAddress('"j ö"@x.test', { utf8: true }).local).toBe('j ö');
    expect(fault('jörg@x.test')).toBe('non-ascii');
    expect(fault('a@münchen.test')).toBe('non-ascii');
    expect(fault('"ö"@x.test')).toBe('non-ascii');
  });

  it.each([
    ...['', '@', 'a', 'a@', '@x', 'a b@x', 'a@x y', 'a..b@x', '.a@x', 'a.@x', '""@x', '"a@x', '"a"b@x', 'a@x.', 'a@.x'],
    ...[
      'a@-x.test',
      'a@x-.test',
      'a@a_b.test',
      'a@192.0.2.1',
      'a@0x7f.1',
      'a@x@y',
      'a<@x',
      'a@x>',
      'a@[192.0.2.1',
      'a@[1.2.3]',
    ],
    ...[
      'a@[192.0.2.256]',
      'a@[010.0.0.1]',
      'a@[IPv6:1::2::3]',
      'a@[IPv6:1]',
      'a@[x:y]',
      'a@[192.0.2.1]x',
      '"a\\',
      '"a\r\n"@x',
    ],
    ...['ö\u0085@x', 'a@\uff11\uff12.\uff11', 'a@ü%2ex', 'a@ü/x', '\ud800@x', 'a\u2028@x'],
  ])('refuses %j', (text) => {
    expect(fault(text, { utf8: true })).toBe('syntax');
  });

  it('limits lengths in octets', () => {
    const domain = (length: number) => `${'x'.repeat(60)}.`.repeat(4).slice(0, length);
    expect(fault(`${'a'.repeat(64)}@x.test`)).toBe('accepted');
    expect(fault(`${'a'.repeat(65)}@x.test`)).toBe('local-too-long');
    expect(fault(`${'ö'.repeat(33)}@x.test`, { utf8: true })).toBe('local-too-long');
    expect(fault(`${'a'.repeat(100)}@x.test`, { maxLocal: 100 })).toBe('accepted');
    expect(fault(`${'a'.repeat(64)}@${domain(189)}`)).toBe('accepted');
    expect(fault(`${'a'.repeat(64)}@${domain(190)}`)).toBe('too-long');
    expect(fault(`a@${'x.'.repeat(200)}x`)).toBe('domain-too-long');
    expect(fault(`a@${'x'.repeat(64)}.test`)).toBe('syntax');
    expect(fault(`a@${'ü'.repeat(100_000)}`, { utf8: true })).toBe('domain-too-long');
  });

  it('reads back what formatAddress wrote, in one form', () => {
    const local = fc.string({ minLength: 1, maxLength: 15, unit: fc.constantFrom(...'ab.+@"\\ <>(),:;ö漢') });
    const domain = fc.constantFrom('example.test', '[192.0.2.1]', '[IPv6:::1]', 'xn--mnchen-3ya.test');
    fc.assert(
      fc.property(fc.record({ local, domain }), (address) => {
        expect(parseAddress(formatAddress(address), { utf8: true })).toEqual(address);
      }),
    );
  });

  it('answers any text with an address that can be written, or with AddressSyntaxError', () => {
    const unit = fc.oneof(
      fc.constantFrom(...'aA1.@"\\[]:-_%ö\uff0e'),
      fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 30, unit }), fc.boolean(), (text, lenient) => {
        if (fault(text, { utf8: true, lenient }) !== 'accepted') return;
        const address = parseAddress(text, { utf8: true, lenient });
        expect(parseAddress(formatAddress(address), { utf8: true, lenient })).toEqual(address);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('canonicalDomain', () => {
  it.each([
    ['Example.TEST', 'example.test'],
    ['münchen.de', 'xn--mnchen-3ya.de'],
    ['MU\u0308NCHEN.de', 'xn--mnchen-3ya.de'],
    ['xn--MNCHEN-3ya.de', 'xn--mnchen-3ya.de'],
    ['例え。テスト', 'xn--r8jz45g.xn--zckzah'],
    ['a', 'a'],
    ['1.a2', '1.a2'],
    ['1.2.3.4', undefined],
    ['a..b', undefined],
    ['a.', undefined],
    ['', undefined],
  ])('turns %s into %s', (text, domain) => {
    expect(canonicalDomain(text)).toBe(domain);
  });

  it('is shown with U-labels', () => {
    expect(displayDomain('xn--mnchen-3ya.de')).toBe('münchen.de');
    expect(displayDomain('example.test')).toBe('example.test');
    expect(displayDomain('xn--0.test')).toBe('xn--0.test');
  });
});

describe('canonicalLiteral', () => {
  it.each([
    ['[IPv6:::]', '[IPv6:::]'],
    ['[IPv6:1:0:0:2:0:0:0:3]', '[IPv6:1:0:0:2::3]'],
    ['[IPv6:1:0:2:3:4:5:6:7]', '[IPv6:1:0:2:3:4:5:6:7]'],
    ['[IPv6:::ffff:192.0.2.1]', '[IPv6:::ffff:c000:201]'],
    ['[IPv6:1:2:3:4:5:6:7::]', '[IPv6:1:2:3:4:5:6:7:0]'],
    ['[IPv6:192.0.2.1::]', undefined],
    ['[IPv6:1:2:3:4:5:6:7:8:9]', undefined],
    ['[IPv6:1:2:3:4::5:6:7:8]', undefined],
    ['[IPv6::1:2:3:4:5:6:7]', undefined],
    ['[IPv6:12345::]', undefined],
    ['[]', undefined],
  ])('turns %s into %s', (text, literal) => {
    expect(canonicalLiteral(text)).toBe(literal);
  });
});

describe('canonicalAddress', () => {
  it('composes, and folds case on demand', () => {
    const address = { local: 'Jo\u0308RG', domain: 'x.test' };
    expect(canonicalAddress(address)).toBe('JöRG@x.test');
    expect(canonicalAddress(address, { foldCase: true })).toBe('jörg@x.test');
    expect(canonicalAddress({ local: 'postmaster', domain: '' })).toBe('postmaster');
    expect(canonicalAddress(parseAddress('"a"@x.test'))).toBe(canonicalAddress(parseAddress('a@X.test')));
  });

  it('splits subaddresses', () => {
    expect(splitSubaddress('bob+lists+a')).toEqual({ user: 'bob', detail: 'lists+a' });
    expect(splitSubaddress('bob')).toEqual({ user: 'bob' });
    expect(splitSubaddress('bob+')).toEqual({ user: 'bob', detail: '' });
    expect(splitSubaddress('+bob')).toEqual({ user: '+bob' });
    expect(splitSubaddress('bob--x', '--')).toEqual({ user: 'bob', detail: 'x' });
  });

  it('knows what needs SMTPUTF8', () => {
    expect(needsSmtputf8({ local: 'jörg', domain: 'x.test' })).toBe(true);
    expect(needsSmtputf8({ local: 'a', domain: 'xn--mnchen-3ya.test' })).toBe(false);
  });
});
