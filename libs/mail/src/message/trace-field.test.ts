import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerFields } from '../mime/header-field.ts';
import { formatReceived, formatReturnPath, transmissionProtocol } from './trace-field.ts';

const PLAIN = { greeting: 'EHLO', tls: false, authenticated: false, utf8: false } as const;

describe('Received', () => {
  it('tells how a message came', () => {
    const field = formatReceived({
      from: 'client.example.org',
      address: '192.0.2.1',
      reverse: 'host.example.org',
      by: 'mx.example.test',
      protocol: 'ESMTPS',
      tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
      id: 'abc123',
      recipient: 'alice@example.test',
      epochMs: 0,
    });
    expect(field).toBe(
      'Received: from client.example.org (host.example.org [192.0.2.1])\r\n' +
        '\tby mx.example.test with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n' +
        '\tid abc123 for <alice@example.test>; Thu, 1 Jan 1970 00:00:00 +0000\r\n',
    );
  });

  it('is one field of short lines, whatever the client said', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.string({ maxLength: 40 }), (from, recipient) => {
        const field = formatReceived({
          from,
          address: '::1',
          by: 'b',
          protocol: 'SMTP',
          id: 'i',
          recipient,
          epochMs: 0,
        });
        expect([...headerFields(Buffer.from(field))]).toHaveLength(1);
        expect(field.endsWith('\r\n')).toBe(true);
        for (const line of field.split('\r\n')) expect(line.length).toBeLessThan(78);
      }),
    );
  });

  it.each([
    ['2001:db8::1', '([IPv6:2001:db8::1])'],
    ['::ffff:192.0.2.1', '([192.0.2.1])'],
  ])('shows the address %s as %s', (address, literal) => {
    expect(formatReceived({ from: 'x', address, by: 'b', protocol: 'SMTP', id: 'i', epochMs: 0 })).toContain(literal);
  });

  it.each([
    [{ ...PLAIN, greeting: 'HELO' }, 'SMTP'],
    [PLAIN, 'ESMTP'],
    [{ ...PLAIN, tls: true, authenticated: true }, 'ESMTPSA'],
    [{ ...PLAIN, authenticated: true }, 'ESMTPA'],
    [{ ...PLAIN, utf8: true, tls: true }, 'UTF8SMTPS'],
    [{ ...PLAIN, greeting: 'LHLO', tls: true }, 'LMTPS'],
  ] as const)('%j is %s', (transmission, protocol) => {
    expect(transmissionProtocol(transmission)).toBe(protocol);
  });
});

it('Return-Path holds the sender, or nothing for the null sender', () => {
  expect(formatReturnPath('a@b')).toBe('Return-Path: <a@b>\r\n');
  expect(formatReturnPath('')).toBe('Return-Path: <>\r\n');
});
