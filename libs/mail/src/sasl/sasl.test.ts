import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createSaslExchange,
  decodeSaslBase64,
  encodeSaslInitial,
  formatSaslPlain,
  parseSaslPlain,
  parseSaslResponse,
} from './index.ts';

describe('base64 of SASL', () => {
  it.each(['a', 'YQ', 'YQ=', 'YR==', 'YWI', 'Y Q==', 'YQ==\n', '====', 'YQ==YQ==', '*', 'YW-_', 'é'])(
    'refuses %j',
    (text) => {
      expect(decodeSaslBase64(text)).toBeUndefined();
    },
  );

  it('reads what it writes, = for nothing', () => {
    expect(decodeSaslBase64('=')).toEqual(Buffer.alloc(0));
    expect(encodeSaslInitial(Buffer.alloc(0))).toBe('=');
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeSaslBase64(encodeSaslInitial(bytes))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('tells a response from a cancel', () => {
    expect(parseSaslResponse('*')).toEqual({ type: 'cancel' });
    expect(parseSaslResponse(Buffer.from(''))).toEqual({ type: 'response', data: Buffer.alloc(0) });
    expect(parseSaslResponse(Buffer.from('YQ=='))).toEqual({ type: 'response', data: Buffer.from('a') });
    expect(parseSaslResponse('**')).toEqual({ type: 'malformed' });
  });
});

describe('PLAIN', () => {
  it.each(['', 'a', '\0a', 'a\0b', '\0\0b', '\0a\0', '\0a\0b\0', '\0a\0\xff'])('refuses %j', (text) => {
    expect(parseSaslPlain(Buffer.from(text, 'latin1'))).toBeUndefined();
  });

  it('reads what it writes', () => {
    const text = fc
      .string({ minLength: 1, unit: 'binary' })
      .filter((part) => part.isWellFormed() && !part.includes('\0'));
    fc.assert(
      fc.property(
        fc.record({ authzid: fc.oneof(fc.constant(''), text), authcid: text, password: text }),
        (credentials) => {
          expect(parseSaslPlain(formatSaslPlain(credentials))).toEqual(credentials);
        },
      ),
    );
    expect(() => formatSaslPlain({ authzid: '', authcid: 'a\0b', password: 'c' })).toThrow(RangeError);
  });

  it('takes any octets', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const credentials = parseSaslPlain(bytes);
        if (credentials !== undefined) expect(formatSaslPlain(credentials)).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

describe('exchanges', () => {
  const done = { type: 'credentials', credentials: { authzid: '', authcid: 'alice', password: 'pass' } };
  const challenge = (text: string) => ({ type: 'challenge', challenge: Buffer.from(text) });

  it('PLAIN asks where there is no initial response', () => {
    const message = Buffer.from('\0alice\0pass');
    expect(createSaslExchange('plain')!.step(message)).toEqual(done);
    const exchange = createSaslExchange('PLAIN')!;
    expect(exchange.step(undefined)).toEqual(challenge(''));
    expect(exchange.step(message)).toEqual(done);
    expect(createSaslExchange('PLAIN')!.step(Buffer.from('x'))).toEqual({ type: 'malformed' });
  });

  it('LOGIN asks for name and password, or takes the name at once', () => {
    const asked = createSaslExchange('LOGIN')!;
    expect(asked.step(undefined)).toEqual(challenge('Username:'));
    expect(asked.step(Buffer.from('alice'))).toEqual(challenge('Password:'));
    expect(asked.step(Buffer.from('pass'))).toEqual(done);
    const told = createSaslExchange('LOGIN')!;
    expect(told.step(Buffer.from('alice'))).toEqual(challenge('Password:'));
    expect(told.step(Buffer.from('pass'))).toEqual(done);
    expect(createSaslExchange('LOGIN')!.step(Buffer.from('a\0b'))).toEqual({ type: 'malformed' });
    expect(createSaslExchange('LOGIN')!.step(Buffer.alloc(0))).toEqual({ type: 'malformed' });
  });

  it('knows its mechanisms alone', () => {
    expect(createSaslExchange('CRAM-MD5')).toBeUndefined();
  });
});
