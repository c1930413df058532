import { describe, expect, it } from 'vitest';
import { parseMessage } from '../mime/message-parser.ts';
import { buildDsn, type DsnReport } from './dsn.ts';

const REPORT: DsnReport = {
  reportingMta: 'mx.example.test',
  to: 'alice@example.test',
  recipients: [
    {
      recipient: 'bob@example.org',
      original: { type: 'rfc822', address: 'robert@example.org' },
      action: 'failed',
      status: '5.1.1',
      remoteMta: 'mx.example.org',
      diagnostic: { type: 'smtp', text: `550 5.1.1 No such user\r\nInjected: ${'long words '.repeat(30)}` },
      lastAttemptMs: 60_000,
    },
    { recipient: 'carol@example.org', action: 'delayed', status: '4.4.1', retryUntilMs: 120_000 },
  ],
  original: {
    content: Buffer.from('Subject: hello\r\nFrom: a@b\r\n\r\n'),
    isWhole: false,
    envelopeId: 'env\r\n1',
    arrivalMs: 0,
  },
  epochMs: 0,
  random: new Uint8Array(24).fill(7),
};

function build(report: DsnReport) {
  const { pieces, needsSmtputf8 } = buildDsn(report);
  const message = Buffer.concat(pieces);
  const { root, envelope } = parseMessage(message);
  const [text, status, original] = root.parts.map((part) => message.toString('utf8', part.bodyStart, part.bodyEnd));
  return { message, root, envelope, text: text!, status: status!, original: original!, needsSmtputf8 };
}

describe('a delivery status notification', () => {
  it('is a report of three parts', () => {
    const { root, envelope, original, needsSmtputf8 } = build(REPORT);
    expect(root).toMatchObject({ type: 'multipart', subtype: 'report', encoding: '7bit' });
    expect(root.params[0]).toEqual(['report-type', 'delivery-status']);
    expect(root.parts.map(({ type, subtype }) => `${type}/${subtype}`)).toEqual([
      'text/plain',
      'message/delivery-status',
      'text/rfc822-headers',
    ]);
    expect(envelope).toMatchObject({ subject: 'Undelivered mail returned to sender', to: [{ mailbox: 'alice' }] });
    expect(original).toBe('Subject: hello\r\nFrom: a@b\r\n\r\n');
    expect(needsSmtputf8).toBe(false);
  });

  it('has the fields of the message and of each recipient', () => {
    const { status } = build(REPORT);
    const [message, bob, carol] = status.split('\r\n\r\n');
    expect(message).toBe(
      'Original-Envelope-Id: env 1\r\nReporting-MTA: dns; mx.example.test\r\nArrival-Date: Thu, 1 Jan 1970 00:00:00 +0000',
    );
    expect(bob).toContain(
      'Original-Recipient: rfc822; robert@example.org\r\nFinal-Recipient: rfc822; bob@example.org\r\n' +
        'Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.example.org\r\nDiagnostic-Code: smtp; 550 5.1.1 No such user',
    );
    expect(bob).not.toMatch(/^Injected/m);
    expect(carol).toContain('Action: delayed\r\nStatus: 4.4.1\r\nWill-Retry-Until: Thu, 1 Jan 1970 00:02:00 +0000');
    for (const line of status.split('\r\n')) expect(line.length).toBeLessThan(79);
  });

  it('tells people what happened', () => {
    const { text } = build(REPORT);
    expect(text).toContain(
      'could not be delivered to:\r\n\r\n  <bob@example.org>\r\n    mx.example.org said: 550 5.1.1',
    );
    expect(text).toContain('  <carol@example.org>\r\n    It will be tried until Thu, 1 Jan 1970 00:02:00 +0000.');
  });

  it('returns the whole message where asked for, byte for byte', () => {
    const content = Buffer.from('Subject: x\r\n\r\ncaf\xe9\r\n', 'latin1');
    const { root, message } = build({ ...REPORT, original: { content, isWhole: true } });
    const part = root.parts[2]!;
    expect(part).toMatchObject({ type: 'message', subtype: 'rfc822', encoding: '8bit' });
    expect(message.subarray(part.bodyStart, part.bodyEnd)).toEqual(content);
    expect(root.encoding).toBe('8bit');
  });

  it('is of RFC 6533 for addresses beyond ASCII', () => {
    const recipients = [{ recipient: 'jürgen@example.org', action: 'failed', status: '5.1.1' } as const];
    const { root, status, needsSmtputf8 } = build({ ...REPORT, recipients });
    expect(needsSmtputf8).toBe(true);
    expect(root.params[0]).toEqual(['report-type', 'global-delivery-status']);
    expect(root.parts[1]).toMatchObject({ subtype: 'global-delivery-status', encoding: '8bit' });
    expect(status).toContain('Final-Recipient: utf-8; jürgen@example.org');
  });

  it('needs a recipient', () => {
    expect(() => buildDsn({ ...REPORT, recipients: [] })).toThrow(RangeError);
  });
});
