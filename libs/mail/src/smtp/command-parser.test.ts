import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SmtpCommand, SmtpExtension } from './command.ts';
import { formatSmtpCommand } from './command-format.ts';
import { type CommandOptions, parseSmtpCommand } from './command-parser.ts';
import { soup } from './splits.test-support.ts';
import { SmtpSyntaxError } from './syntax-error.ts';

function parse(line: string, options?: CommandOptions): SmtpCommand {
  return parseSmtpCommand(Buffer.from(line), options);
}

function refusal(line: string | Buffer, options?: CommandOptions): string {
  try {
    parseSmtpCommand(Buffer.from(line as string), options);
  } catch (error) {
    if (error instanceof SmtpSyntaxError) return `${error.replyCode} ${error.enhanced}`;
    throw error;
  }
  return 'accepted';
}

const alice = { local: 'alice', domain: 'example.test' };

describe('parseSmtpCommand', () => {
  it.each<[string, SmtpCommand]>([
    ['EHLO Mail.Example.TEST', { verb: 'EHLO', name: 'mail.example.test', kind: 'domain' }],
    ['helo [192.0.2.1]', { verb: 'HELO', name: '[192.0.2.1]', kind: 'literal' }],
    ['LHLO [ipv6:2001:DB8:0::1]', { verb: 'LHLO', name: '[IPv6:2001:db8::1]', kind: 'literal' }],
    ['EHLO DESK_TOP', { verb: 'EHLO', name: 'DESK_TOP', kind: 'other' }],
    ['EHLO 192.0.2.1', { verb: 'EHLO', name: '192.0.2.1', kind: 'other' }],
    ['MAIL FROM:<>', { verb: 'MAIL', sender: null, parameters: {} }],
    ['mail from:<alice@Example.Test> size=10 ', { verb: 'MAIL', sender: alice, parameters: { size: 10 } }],
    ['MAIL FROM:<@a.test,@[192.0.2.1]:alice@example.test>', { verb: 'MAIL', sender: alice, parameters: {} }],
    [
      'MAIL FROM:<alice@example.test> BODY=8BITMIME SMTPUTF8 RET=hdrs ENVID=a+2Bb AUTH=<>',
      {
        verb: 'MAIL',
        sender: alice,
        parameters: { body: '8BITMIME', smtputf8: true, ret: 'HDRS', envid: 'a+b', auth: null },
      },
    ],
    ['MAIL FROM:<> AUTH=alice+40example.test', { verb: 'MAIL', sender: null, parameters: { auth: alice } }],
    [
      'MAIL FROM:<> SIZE=99999999999999999999',
      { verb: 'MAIL', sender: null, parameters: { size: Number.MAX_SAFE_INTEGER } },
    ],
    [
      'RCPT TO:<"a b\\"@>"@example.test>',
      { verb: 'RCPT', recipient: { local: 'a b"@>', domain: 'example.test' }, parameters: {} },
    ],
    ['RCPT TO:<POSTMASTER>', { verb: 'RCPT', recipient: { local: 'postmaster', domain: '' }, parameters: {} }],
    [
      'RCPT TO:<alice@example.test> NOTIFY=success,DELAY ORCPT=rfc822;Bob+2Bx@example.test',
      {
        verb: 'RCPT',
        recipient: alice,
        parameters: { notify: ['SUCCESS', 'DELAY'], orcpt: { type: 'rfc822', address: 'Bob+x@example.test' } },
      },
    ],
    [
      'RCPT TO:<alice@example.test> ORCPT=utf-8;j\\x{F6}rg@example.test',
      { verb: 'RCPT', recipient: alice, parameters: { orcpt: { type: 'utf-8', address: 'jörg@example.test' } } },
    ],
    ['data \t', { verb: 'DATA' }],
    ['BDAT 0 last', { verb: 'BDAT', size: 0, last: true }],
    ['BDAT 1000', { verb: 'BDAT', size: 1000, last: false }],
    ['NOOP', { verb: 'NOOP', argument: '' }],
    ['HELP mail', { verb: 'HELP', argument: 'mail' }],
    ['VRFY alice SMTPUTF8', { verb: 'VRFY', argument: 'alice', smtputf8: true }],
    ['auth plain', { verb: 'AUTH', mechanism: 'PLAIN' }],
    ['AUTH PLAIN =', { verb: 'AUTH', mechanism: 'PLAIN', initial: Buffer.alloc(0) }],
    ['AUTH LOGIN YWI=', { verb: 'AUTH', mechanism: 'LOGIN', initial: Buffer.from('ab') }],
  ])('reads %s', (line, command) => {
    expect(parse(line)).toEqual(command);
  });

  it.each([
    ['', '500 5.5.1'],
    ['GET / HTTP/1.1', '500 5.5.1'],
    ['MAILFROM:<a@b.test>', '500 5.5.1'],
    ['SOML FROM:<a@b.test>', '502 5.5.1'],
    ['ETRN x', '502 5.5.1'],
    ['NOOP \x00', '500 5.5.2'],
    ['NOOP a\tb', '500 5.5.2'],
    ['EHLO', '501 5.5.4'],
    ['EHLO a b', '501 5.5.4'],
    ['EHLO münchen', '501 5.5.4'],
    ['MAIL', '501 5.5.2'],
    ['MAIL FROM <a@b.test>', '501 5.5.2'],
    ['MAIL FROM: <a@b.test>', '501 5.5.2'],
    ['MAIL FROM:a@b.test', '501 5.1.7'],
    ['MAIL FROM:<a@b.test', '501 5.1.7'],
    ['MAIL FROM:<a>', '501 5.1.7'],
    ['MAIL FROM:<postmaster>', '501 5.1.7'],
    ['MAIL FROM:<a@-b.test>', '501 5.1.7'],
    ['MAIL FROM:<@a.test:>', '501 5.1.7'],
    ['MAIL FROM:<a@b.test>X', '501 5.5.4'],
    ['MAIL FROM:<a@b.test> SIZE', '501 5.5.4'],
    ['MAIL FROM:<a@b.test> SIZE=', '501 5.5.4'],
    ['MAIL FROM:<a@b.test> SIZE=-1', '501 5.5.4'],
    ['MAIL FROM:<a@b.test> SIZE=1 SIZE=1', '501 5.5.4'],
    ['MAIL FROM:<a@b.test> BODY=9BIT', '501 5.5.4'],
    ['MAIL FROM:<a@b.test> SMTPUTF8=1', '501 5.5.4'],
    ['MAIL FROM:<a@b.test> ENVID=a+0D', '501 5.5.4'],
    ['MAIL FROM:<a@b.test> AUTH=nobody', '501 5.5.4'],
    ['MAIL FROM:<a@b.test> REQUIRETLS', '555 5.5.4'],
    ['MAIL FROM:<jörg@b.test>', '553 5.6.7'],
    ['MAIL FROM:<a@münchen.test>', '553 5.6.7'],
    ['RCPT TO:<>', '501 5.1.3'],
    ['RCPT TO:<a@b.test> SIZE=1', '555 5.5.4'],
    ['RCPT TO:<a@b.test> NOTIFY=NEVER,DELAY', '501 5.5.4'],
    ['RCPT TO:<a@b.test> NOTIFY=DELAY,DELAY', '501 5.5.4'],
    ['RCPT TO:<a@b.test> ORCPT=rfc822', '501 5.5.4'],
    ['RCPT TO:<a@b.test> ORCPT=rfc822;a+0Ab', '501 5.5.4'],
    ['RCPT TO:<a@b.test> ORCPT=utf-8;\\x{0A}', '501 5.5.4'],
    ['RCPT TO:<jörg@b.test>', '553 5.6.7'],
    [`RCPT TO:<${'a'.repeat(65)}@b.test>`, '501 5.1.3'],
    ['DATA x', '501 5.5.4'],
    ['STARTTLS x', '501 5.5.4'],
    ['BDAT', '501 5.5.4'],
    ['BDAT -1', '501 5.5.4'],
    ['BDAT 1 LASTLY', '501 5.5.4'],
    ['VRFY', '501 5.5.4'],
    ['VRFY jörg', '553 5.6.7'],
    ['AUTH', '501 5.5.4'],
    ['AUTH PLAIN *', '501 5.5.2'],
    ['AUTH PLAIN YWI', '501 5.5.2'],
    ['AUTH PLAIN YWI= x', '501 5.5.2'],
  ])('refuses %j with %s', (line, codes) => {
    expect(refusal(line)).toBe(codes);
  });

  it('refuses octets that are no UTF-8', () => {
    expect(refusal(Buffer.from('MAIL FROM:<\xff@b.test> SMTPUTF8', 'latin1'))).toBe('500 5.5.2');
  });

  it('takes addresses beyond ASCII where SMTPUTF8 is asked for', () => {
    expect(parse('MAIL FROM:<jörg@München.test> SMTPUTF8')).toMatchObject({
      sender: { local: 'jörg', domain: 'xn--mnchen-3ya.test' },
    });
    expect(parse('RCPT TO:<jörg@b.test>', { utf8Transaction: true })).toMatchObject({ recipient: { local: 'jörg' } });
  });

  it('knows the parameters of offered extensions alone', () => {
    const extensions = new Set<SmtpExtension>(['8BITMIME']);
    for (const parameter of ['SIZE=1', 'SMTPUTF8', 'RET=FULL', 'ENVID=x', 'AUTH=<>']) {
      expect(refusal(`MAIL FROM:<> ${parameter}`, { extensions })).toBe('555 5.5.4');
    }
    expect(refusal('MAIL FROM:<> BODY=BINARYMIME', { extensions })).toBe('501 5.5.4');
    expect(refusal('MAIL FROM:<> BODY=8BITMIME', { extensions })).toBe('accepted');
    expect(refusal('MAIL FROM:<jörg@b.test>', { extensions })).toBe('553 5.6.7');
    expect(refusal('RCPT TO:<a@b.test> NOTIFY=NEVER', { extensions })).toBe('555 5.5.4');
  });

  it('bends where it is told to', () => {
    const lenient = true;
    expect(parse('MAIL FROM:  <alice@example.test> SIZE=1', { lenient })).toMatchObject({ sender: alice });
    expect(parse('MAIL FROM: alice@example.test SIZE=1', { lenient })).toMatchObject({
      sender: alice,
      parameters: { size: 1 },
    });
    expect(parse('RCPT TO:<a..b.@my_host.test.>', { lenient })).toMatchObject({
      recipient: { local: 'a..b.', domain: 'my_host.test' },
    });
    expect(refusal(`MAIL FROM:<${'a'.repeat(90)}@b.test>`, { maxLocal: 128 })).toBe('accepted');
  });

  const word = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(...'abz019+=\\"<>@;:, .ö漢') });
  const ascii = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(...'abz019+=\\"<>@;:, .') });
  const domain = fc.constantFrom(
    'example.test',
    'xn--mnchen-3ya.test',
    'localhost',
    '[192.0.2.1]',
    '[IPv6:2001:db8::1]',
  );
  const address = fc.record({ local: word, domain });
  const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
  const defined = <T extends object>(record: T) =>
    Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
  const mail = fc.record({
    verb: fc.constant('MAIL' as const),
    sender: fc.option(address),
    parameters: fc
      .record({
        size: optional(fc.maxSafeNat()),
        body: optional(fc.constantFrom('7BIT', '8BITMIME', 'BINARYMIME')),
        smtputf8: fc.constant(true as const),
        ret: optional(fc.constantFrom('FULL', 'HDRS')),
        envid: optional(ascii),
        auth: optional(fc.option(address)),
      })
      .map(defined),
  });
  const rcpt = fc.record({
    verb: fc.constant('RCPT' as const),
    recipient: address,
    parameters: fc
      .record({
        notify: optional(
          fc.oneof(fc.constant(['NEVER']), fc.subarray(['SUCCESS', 'FAILURE', 'DELAY'], { minLength: 1 })),
        ),
        orcpt: optional(fc.record({ type: fc.constantFrom('rfc822', 'utf-8', 'x-other'), address: word })),
      })
      .map(defined),
  });
  const auth = fc.record({
    verb: fc.constant('AUTH' as const),
    mechanism: fc.constantFrom('PLAIN', 'LOGIN', 'SCRAM-SHA-256'),
    initial: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  });
  const bdat = fc.record({ verb: fc.constant('BDAT' as const), size: fc.nat(), last: fc.boolean() });
  const plain = fc.record({ verb: fc.constantFrom('DATA', 'RSET', 'QUIT', 'STARTTLS') });
  const hello = fc.record({
    verb: fc.constantFrom('EHLO', 'HELO', 'LHLO'),
    name: fc.constant('a.test'),
    kind: fc.constant('domain'),
  });

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.oneof(mail, rcpt, auth, bdat, plain, hello), (command) => {
        const line = formatSmtpCommand(command as SmtpCommand);
        expect(line.endsWith('\r\n')).toBe(true);
        expect(parse(line.slice(0, -2), { utf8Transaction: true })).toEqual(command);
      }),
      { numRuns: 1000 },
    );
  });

  it('writes nothing that could forge a command', () => {
    for (const local of ['a\r\nRSET', 'a\nb', 'a\0b']) {
      expect(() => formatSmtpCommand({ verb: 'RCPT', recipient: { local, domain: 'b.test' }, parameters: {} })).toThrow(
        SmtpSyntaxError,
      );
    }
  });

  it('answers any octets with a command or an SmtpSyntaxError that can be sent', () => {
    const octets = soup(
      ...[
        'MAIL FROM:',
        'RCPT TO:',
        'AUTH ',
        'BDAT ',
        'EHLO ',
        '<',
        '>',
        '"',
        '\\',
        '@',
        'a',
        '.test',
        ' ',
        '=',
        '[',
        ']',
      ],
      ...[
        'SIZE',
        'ENVID=',
        'ORCPT=',
        'utf-8;',
        'NOTIFY=',
        '+',
        '\\x{',
        '}',
        'SMTPUTF8',
        'IPv6:',
        '::',
        '\xc3\xb6',
        'xn--',
        '%',
      ],
    );
    const prefix = fc.constantFrom('', 'MAIL FROM:<', 'RCPT TO:<', 'MAIL FROM:<> ', 'RCPT TO:<a@b.test> ', 'EHLO [');
    fc.assert(
      fc.property(prefix, octets, fc.boolean(), (start, text, lenient) => {
        const line = Buffer.from(start + text, 'latin1');
        try {
          expect(parseSmtpCommand(line, { lenient, utf8Transaction: true })).toHaveProperty('verb');
        } catch (error) {
          if (!(error instanceof SmtpSyntaxError)) throw error;
          expect([500, 501, 502, 553, 555]).toContain(error.reply.code);
          expect(error.message).toMatch(/^[\x20-\x7e]+$/);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
