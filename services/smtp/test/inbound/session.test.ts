import { StoaError } from '@stoa/plugin-sdk';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Harness, type HarnessOptions } from './harness.ts';

let harness: Harness | undefined;
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

/** The reply lines to a whole session that is sent at once. */
async function replies(lines: readonly string[], options: HarnessOptions = {}): Promise<string[]> {
  harness = await Harness.start(options);
  const said = await harness.talk([...lines, 'QUIT', ''].join('\r\n'));
  return said.split('\r\n').filter((line) => line !== '' && !/^250-/.test(line));
}

const codes = (lines: readonly string[]) =>
  lines.map((line) =>
    line
      .slice(0, 9)
      .replace(/ [A-Z].*/i, '')
      .trim(),
  );

const OPEN = ['EHLO client.test', 'MAIL FROM:<x@elsewhere.test>'];
const MESSAGE = ['DATA', 'Subject: s', '', 'hello', '.'];

describe('a session', () => {
  it('receives a message and adds Return-Path and Received', async () => {
    await replies([...OPEN, 'RCPT TO:<alice@example.test>', 'DATA', 'Subject: s', '', '..dot', '.']);
    const { envelope, body } = harness?.delivered[0] ?? expect.unreachable();
    expect(envelope).toMatchObject({
      sender: 'x@elsewhere.test',
      recipients: [{ address: 'alice@example.test', accountId: 'a1' }],
      queueFailed: true,
    });
    expect(body).toMatch(
      /^Return-Path: <x@elsewhere\.test>\r\nReceived: from client\.test \(\[192\.0\.2\.7\]\)\s+by mx\.example\.test with ESMTP/,
    );
    expect(body.endsWith('Subject: s\r\n\r\n.dot\r\n')).toBe(true);
  });

  it.each<[string, string[], string[]]>([
    ['before EHLO', ['MAIL FROM:<x@y.test>'], ['503 5.5.1']],
    ['RCPT before MAIL', ['EHLO c.test', 'RCPT TO:<alice@example.test>'], ['250', '503 5.5.1']],
    ['DATA without recipients', [...OPEN, 'DATA'], ['250', '250 2.1.0', '554 5.5.1']],
    ['MAIL within a transaction', [...OPEN, 'MAIL FROM:<z@y.test>'], ['250', '250 2.1.0', '503 5.5.1']],
    [
      'RSET ends a transaction',
      [...OPEN, 'RSET', 'MAIL FROM:<z@y.test>'],
      ['250', '250 2.1.0', '250 2.0.0', '250 2.1.0'],
    ],
    [
      'recipients',
      [
        ...OPEN,
        'RCPT TO:<alice@example.test>',
        'RCPT TO:<nobody@example.test>',
        'RCPT TO:<z@elsewhere.test>',
        'RCPT TO:<full@example.test>',
        'RCPT TO:<off@example.test>',
        'RCPT TO:<down@example.test>',
        'RCPT TO:<Postmaster>',
      ],
      ['250', '250 2.1.0', '250 2.1.5', '550 5.1.1', '550 5.7.1', '452 4.2.2', '550 5.2.1', '451 4.3.0', '250 2.1.5'],
    ],
    ['a size beyond the limit', ['EHLO c.test', 'MAIL FROM:<x@y.test> SIZE=99999999999'], ['250', '552 5.3.4']],
    ['the null sender', ['EHLO c.test', 'MAIL FROM:<>'], ['250', '250 2.1.0']],
    [
      'VRFY, EXPN, NOOP, HELP',
      ['VRFY alice', 'EXPN list', 'NOOP', 'HELP'],
      ['252 2.5.2', '502 5.5.1', '250 2.0.0', '214 2.0.0'],
    ],
    [
      'an unknown command and a wrong parameter',
      ['EHLO c.test', 'FROB', 'MAIL FROM:<x@y.test> FROB=1'],
      ['250', '500 5.5.1', '555 5.5.4'],
    ],
    [
      'AUTH and LHLO where they do not belong',
      ['LHLO c.test', 'EHLO c.test', 'AUTH PLAIN AGEAYg=='],
      ['503 5.5.1', '250', '502 5.5.1'],
    ],
  ])('answers %s', async (_what, lines, expected) => {
    const said = codes(await replies(lines));
    expect(said).toEqual(['220', ...expected, '221 2.0.0']);
  });

  it('delivers a message for an alias to each of its targets', async () => {
    await replies([...OPEN, 'RCPT TO:<list@example.test>', ...MESSAGE]);
    expect(harness?.delivered[0]?.envelope.recipients.map(({ accountId }) => accountId)).toEqual(['a1', 'b1']);
  });

  it('passes DSN parameters on', async () => {
    await replies([
      'EHLO c.test',
      'MAIL FROM:<x@y.test> RET=FULL ENVID=QQ+2B1',
      'RCPT TO:<alice@example.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b.test',
      ...MESSAGE,
    ]);
    expect(harness?.delivered[0]?.envelope).toMatchObject({
      envelopeId: 'QQ+1',
      returnFull: true,
      recipients: [{ notify: 5, originalRecipient: 'rfc822;a@b.test' }],
    });
  });

  it('tries a delivery again with the same key, and is temporary when it stays away', async () => {
    const away = () => new StoaError('unavailable', 'away');
    let said = await replies([...OPEN, 'RCPT TO:<alice@example.test>', ...MESSAGE], { failures: [away()] });
    expect(said.some((line) => line.startsWith('250 2.0.0 Ok: queued'))).toBe(true);
    expect(new Set(harness?.keys).size).toBe(1);
    expect(harness?.keys).toHaveLength(2);
    await harness?.stop();
    said = await replies([...OPEN, 'RCPT TO:<alice@example.test>', ...MESSAGE], { failures: [away(), away(), away()] });
    expect(codes(said)).toContain('451 4.3.0');
    expect(harness?.delivered).toEqual([]);
  });
});

describe('what a message may not be', () => {
  const send = (lines: readonly string[], options?: HarnessOptions) =>
    replies([...OPEN, 'RCPT TO:<alice@example.test>', 'DATA', ...lines, '.', 'NOOP'], options);

  it.each<[string, string[], string, HarnessOptions?]>([
    ['with a bare LF', ['Subject: s', '', 'a\nb'], '550 5.6.0'],
    ['with a bare CR', ['Subject: s', '', 'a\rb'], '550 5.6.0'],
    ['that tries to end with bare LFs', ['Subject: s', '', 'a\n.\nMAIL FROM:<evil@x.test>'], '550 5.6.0'],
    ['that runs in circles', [...Array.from({ length: 51 }, () => 'Received: x'), '', 'a'], '554 5.4.6'],
    ['that is too big', ['Subject: s', '', 'a'.repeat(900)], '552 5.3.4', { config: { 'max-message-size': 500 } }],
  ])('one %s is refused, and the session goes on in step', async (_what, lines, code, options) => {
    const said = codes(await send(lines, options));
    expect(said.slice(-3)).toEqual([code, '250 2.0.0', '221 2.0.0']);
    expect(harness?.delivered).toEqual([]);
  });

  it('a large one is refused while it comes', async () => {
    const body = Array.from({ length: 5000 }, () => 'x'.repeat(98)).join('\r\n');
    const said = codes(await send(['Subject: s', '', body], { config: { 'max-message-size': 300 * 1024 } }));
    expect(said.slice(-3)).toEqual(['552 5.3.4', '250 2.0.0', '221 2.0.0']);
    expect(harness?.delivered).toEqual([]);
  });

  it('too many wrong commands end the session', async () => {
    const said = codes(await replies(Array.from({ length: 20 }, () => 'FROB')));
    expect(said.at(-1)).toBe('421 4.7.0');
    expect(said).toHaveLength(12);
  });

  it('a client that goes away within a message leaves nothing', async () => {
    harness = await Harness.start();
    const socket = harness.connect();
    socket.write([...OPEN, 'RCPT TO:<alice@example.test>', 'DATA', 'Subject: half', '', 'hel'].join('\r\n'));
    await expect.poll(() => socket.bytesRead).toBeGreaterThan(200);
    socket.destroy();
    await expect.poll(() => harness?.connections.size).toBe(0);
    expect(harness.delivered).toEqual([]);
    expect(harness.keys).toEqual([]);
  });
});

describe('CHUNKING', () => {
  const start = [...OPEN, 'RCPT TO:<alice@example.test>', ''].join('\r\n');
  const run = async (text: string) => {
    harness = await Harness.start();
    return codes(
      (await harness.talk(`${start}${text}QUIT\r\n`))
        .split('\r\n')
        .filter((line) => line !== '' && !/^250-/.test(line)),
    ).slice(4);
  };

  it('takes a message in several chunks', async () => {
    expect(
      await run(
        'BDAT 12\r\nSubject: s\r\nBDAT 2\r\n\r\nBDAT 7 LAST\r\n.hello\n'
          .replace('hello\n', 'hell\r\n')
          .replace('7', '7'),
      ),
    ).toEqual(['250 2.0.0', '250 2.0.0', '250 2.0.0', '221 2.0.0']);
    expect(harness?.delivered[0]?.body.endsWith('Subject: s\r\n\r\n.hell\r\n')).toBe(true);
  });

  it('takes an empty last chunk', async () => {
    expect(await run('BDAT 14\r\nSubject: s\r\n\r\nBDAT 0 LAST\r\n')).toEqual(['250 2.0.0', '250 2.0.0', '221 2.0.0']);
    expect(harness?.delivered).toHaveLength(1);
  });

  it('forgets a message that RSET breaks off', async () => {
    expect(await run('BDAT 12\r\nSubject: s\r\nRSET\r\n')).toEqual(['250 2.0.0', '250 2.0.0', '221 2.0.0']);
    expect(harness?.delivered).toEqual([]);
  });

  it('goes on after a command that is out of turn between chunks', async () => {
    expect(await run('BDAT 12\r\nSubject: s\r\nDATA\r\nMAIL FROM:<z@y.test>\r\nBDAT 5 LAST\r\n\r\nx\r\n')).toEqual([
      '250 2.0.0',
      '503 5.5.1',
      '503 5.5.1',
      '250 2.0.0',
      '221 2.0.0',
    ]);
    expect(harness?.delivered).toHaveLength(1);
  });

  it('refuses bare line ends, and ends after a BDAT that it cannot read', async () => {
    expect(await run('BDAT 16 LAST\r\nSubject: s\n\nxyz\nBDAT many\r\nNOOP\r\n')).toEqual(['550 5.6.0', '501 5.5.4']);
  });

  it('reads the octets of a chunk that it refuses', async () => {
    harness = await Harness.start();
    const said = codes(
      (await harness.talk('EHLO c.test\r\nBDAT 6 LAST\r\nNOOP\r\nQUIT\r\n'))
        .split('\r\n')
        .filter((line) => line !== '' && !/^250-/.test(line)),
    );
    expect(said.slice(2)).toEqual(['503 5.5.1', '221 2.0.0']);
  });
});

describe('LMTP', () => {
  it('answers for each recipient', async () => {
    const said = await replies(
      ['LHLO c.test', 'MAIL FROM:<x@y.test>', 'RCPT TO:<alice@example.test>', 'RCPT TO:<bob@example.test>', ...MESSAGE],
      {
        kind: 'lmtp',
        results: ({ accountId }) => (accountId === 'b1' ? { errorCode: 'over-quota', retryable: true } : undefined),
      },
    );
    expect(codes(said).slice(-3)).toEqual(['250 2.0.0', '452 4.2.2', '221 2.0.0']);
    expect(harness?.delivered[0]?.envelope.queueFailed).toBe(false);
  });
});

describe('submission', () => {
  const login = ['EHLO c.test', `AUTH PLAIN ${Buffer.from('\0alice@example.test\0right').toString('base64')}`];

  it('needs a login, the right password and a sender of its own', async () => {
    const wrong = `AUTH PLAIN ${Buffer.from('\0alice@example.test\0wrong').toString('base64')}`;
    const said = codes(
      await replies(
        [
          'EHLO c.test',
          'MAIL FROM:<alice@example.test>',
          wrong,
          login[1] as string,
          'MAIL FROM:<bob@example.test>',
          'MAIL FROM:<alice@example.test>',
        ],
        { kind: 'submission' },
      ),
    );
    expect(said.slice(2)).toEqual(['530 5.7.0', '535 5.7.8', '235 2.7.0', '553 5.7.1', '250 2.1.0', '221 2.0.0']);
  });

  it('takes AUTH LOGIN and a cancelled exchange', async () => {
    const b64 = (text: string) => Buffer.from(text).toString('base64');
    const said = codes(
      await replies(['EHLO c.test', 'AUTH LOGIN', '*', 'AUTH LOGIN', b64('alice@example.test'), b64('right')], {
        kind: 'submission',
      }),
    );
    expect(said.slice(2)).toEqual(
      ['334', '501 5.7.0', '334', '334', '235 2.7.0', '221 2.0.0'].map((code) => expect.stringContaining(code)),
    );
  });

  it('adds Date and Message-ID, relays, and does not say where the user is', async () => {
    await replies(
      [
        ...login,
        'MAIL FROM:<alice@example.test>',
        'RCPT TO:<z@elsewhere.test>',
        'DATA',
        'From: alice@example.test',
        '',
        'x',
        '.',
      ],
      { kind: 'submission' },
    );
    const { envelope, body } = harness?.delivered[0] ?? expect.unreachable();
    expect(envelope).toMatchObject({
      submitterAccountId: 'a1',
      recipients: [{ address: 'z@elsewhere.test', accountId: '' }],
    });
    expect(body).toMatch(/\r\nDate: Thu, 1 Jan 2026|\r\nDate: Thu, 01 Jan 2026/);
    expect(body).toMatch(/\r\nMessage-ID: <[^>]+@mx\.example\.test>\r\n/);
    expect(body).not.toContain('192.0.2.7');
  });

  it('refuses a message without From', async () => {
    const said = codes(
      await replies([...login, 'MAIL FROM:<alice@example.test>', 'RCPT TO:<bob@example.test>', ...MESSAGE], {
        kind: 'submission',
      }),
    );
    expect(said).toContain('550 5.6.0');
  });
});

it('however the octets are split, the replies and the message are the same', async () => {
  const octets = Buffer.from(
    [
      ...OPEN,
      'RCPT TO:<alice@example.test>',
      'RCPT TO:<no@example.test>',
      'DATA',
      'Subject: s',
      '',
      '..x',
      'MAIL FROM:<a@b.test>',
      '.',
      'NOOP',
      'MAIL FROM:<>',
      'RCPT TO:<bob@example.test>',
      'BDAT 14',
      'Subject: t\r\n\r\nBDAT 3 LAST',
      'y\r\nQUIT',
      '',
    ].join('\r\n'),
  );
  const shared = await Harness.start();
  harness = shared;
  const expected = await shared.talk(octets);
  const bodies = shared.delivered.splice(0).map(({ body }) => body);
  expect(bodies).toHaveLength(2);
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: octets.length - 1 }), { maxLength: 12 }),
      async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), octets.length];
        const pieces = at.slice(1).map((end, i) => octets.subarray(at[i], end));
        expect(await shared.talk(...pieces)).toBe(expected);
        expect(shared.delivered.splice(0).map(({ body }) => body)).toEqual(bodies);
      },
    ),
    { numRuns: 60 },
  );
});
