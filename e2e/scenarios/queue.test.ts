import { once } from 'node:events';
import { freePorts } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient, submitter } from '../support/clients.ts';
import { operate } from '../support/commands.ts';
import { SmtpSink } from '../support/smtp-sink.ts';
import { SHAPES, Stoa } from '../support/stoa.ts';
import { toolPath } from '../support/tools.ts';

interface Entry {
  id: string;
  sender: string;
  attempts: number;
  lastError: string;
}

describe.each(SHAPES)('mail to other servers, %s', (shape) => {
  let stoa: Stoa;
  let other: Stoa;
  let ports: number[];

  beforeAll(async () => {
    ports = await freePorts(3);
    other = await Stoa.start('all-in-one');
    await other.provision('zoe');
    const routes = [
      `"example.test" = "127.0.0.1:${other.port('smtp')}"`,
      ...['sink', 'busy', 'strict'].map((name, i) => `"${name}.test" = "127.0.0.1:${ports[i]}"`),
    ];
    stoa = await Stoa.start(shape, { toml: `[smtp.outbound.routes]\n${routes.join('\n')}\n` });
    await stoa.provisionDomain('home.test', 'alice');
  });
  afterAll(async () => {
    await stoa[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  const send = (to: string, subject: string) =>
    submitter(stoa, 'alice@home.test').sendMail({ from: 'alice@home.test', to, subject, text: 'hello\n.\nend' });

  const entries = async (domain: string): Promise<Entry[]> => {
    const { code, stdout } = await operate(stoa, ['queue', 'list', '--json', '--domain', domain]);
    expect(code).toBe(0);
    return JSON.parse(stdout) as Entry[];
  };

  /** The first queue entry for a domain, when there is one as wanted. */
  const entryOf = async (domain: string, wanted: (entry: Entry) => boolean = () => true) => {
    let found: Entry | undefined;
    const look = async () => {
      found = (await entries(domain)).find(wanted);
      return found;
    };
    await expect.poll(look, { timeout: 20_000 }).toBeDefined();
    return found as unknown as Entry;
  };

  it('is delivered to another Stoa, whose reader is told', async () => {
    const client = await imapClient(other, 'zoe');
    await client.mailboxOpen('INBOX');
    const told = once(client, 'exists');
    const idling = client.idle();
    await send('zoe@example.test', 'from afar');
    await told;
    await client.noop();
    await idling;
    const message = await client.fetchOne('*', { envelope: true, source: true });
    if (message === false) throw new Error('there is no message');
    expect(message.envelope?.subject).toBe('from afar');
    // The other server offers STARTTLS, so it is taken.
    expect(message.source?.toString()).toMatch(/^Return-Path: <alice@home\.test>\r\nReceived: from .*with ESMTPS/s);
    await client.logout();
    await expect.poll(() => entries('example.test'), { timeout: 10_000 }).toEqual([]);
  });

  it.skipIf(toolPath('smtpSink') === undefined)('is delivered to smtp-sink, once it is there', async () => {
    await send('someone@sink.test', 'patience');
    const waiting = await entryOf('sink.test', ({ attempts }) => attempts === 1);
    expect(waiting).toMatchObject({ sender: 'alice@home.test', lastError: expect.stringMatching(/./) });
    const shown = await operate(stoa, ['queue', 'show', waiting.id]);
    expect(shown).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('someone@sink.test: pending no connection'),
    });

    await using sink = await SmtpSink.start(ports[0] as number);
    expect(await operate(stoa, ['queue', 'retry', waiting.id])).toMatchObject({ code: 0 });
    await expect.poll(() => sink.messages().length, { timeout: 20_000 }).toBe(1);
    expect(sink.messages()[0]).toContain('Subject: patience');
    await expect.poll(() => entries('sink.test'), { timeout: 10_000 }).toEqual([]);
  });

  it.skipIf(toolPath('smtpSink') === undefined)('waits where it is refused for now, and is cancelled', async () => {
    await using _sink = await SmtpSink.start(ports[1] as number, ['-r', 'RCPT']);
    await send('someone@busy.test', 'not now');
    const { id, lastError } = await entryOf('busy.test', ({ attempts }) => attempts === 1);
    expect(lastError).toContain('450 4.3.0');
    expect(await operate(stoa, ['queue', 'cancel', id])).toMatchObject({ code: 0 });
    expect(await entries('busy.test')).toEqual([]);
    expect((await operate(stoa, ['queue', 'show', id])).code).toBe(4);
  });

  it.skipIf(toolPath('smtpSink') === undefined)('comes back to its sender where it is refused for good', async () => {
    const client = await imapClient(stoa, 'alice@home.test');
    await client.mailboxOpen('INBOX');
    const told = once(client, 'exists');
    const idling = client.idle();
    await using _sink = await SmtpSink.start(ports[2] as number, ['-f', 'RCPT']);
    await send('someone@strict.test', 'unwanted');
    await told;
    await client.noop();
    await idling;
    const message = await client.fetchOne('*', { source: true });
    const source = message === false ? '' : (message.source?.toString() ?? '');
    expect(source).toMatch(/^Return-Path: <>\r\n/);
    expect(source).toContain('report-type=delivery-status');
    expect(source).toMatch(/^Final-Recipient: rfc822; ?someone@strict\.test\r$/m);
    expect(source).toMatch(/^Action: failed\r$/m);
    expect(source).toContain('Subject: unwanted');
    await client.logout();
    expect(await entries('strict.test')).toEqual([]);
  });
});
