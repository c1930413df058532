import { storage } from '@stoa/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestCertificate, testCertificate } from '../../test/outbound/certificate.ts';
import { harness, SENT, server } from '../../test/outbound/harness.ts';

const { QueueRecipient_Status: Status } = storage;

let tls: TestCertificate;

beforeAll(() => {
  tls = testCertificate(['DNS:mx.remote.test', 'DNS:localhost']);
});

afterAll(() => tls.remove());

const OFFERED = { ehlo: ['PIPELINING', 'STARTTLS', 'AUTH PLAIN LOGIN'] };

describe('TLS', () => {
  it('is used where it is offered, whatever the certificate, and EHLO said again', async () => {
    const mx = await server({ ...OFFERED, tls });
    const { run, add, log } = harness({ config: { port: mx.port } });
    add();
    await run();
    expect(mx.commands.slice(0, 4)).toEqual([
      'EHLO stoa.example.test',
      'STARTTLS',
      'EHLO stoa.example.test',
      'MAIL FROM:<sender@example.test>',
    ]);
    expect(mx.messages[0]?.data).toBe(SENT);
    expect(log[0]?.fields).toMatchObject({ tls: true });
  });

  it('that is broken, or refused, is done without where nobody insists', async () => {
    const broken = await server({ ...OFFERED, tls: 'broken' });
    const first = harness({ config: { port: broken.port } });
    first.add();
    await first.run();
    expect(broken.messages.length).toBe(1);
    expect(broken.conversations.length).toBe(2);
    expect(broken.conversations[1]).not.toContain('STARTTLS');

    const refusing = await server({ ...OFFERED, answer: (line) => (line === 'STARTTLS' ? '454 not now' : undefined) });
    const second = harness({ config: { port: refusing.port } });
    second.add();
    await second.run();
    expect(refusing.messages.length).toBe(1);
    expect(refusing.conversations.length).toBe(1);
  });

  it.each([
    ['require', 'broken'],
    ['require', 'missing'],
    ['require', 'refused'],
    ['verify', 'unknown authority'],
    ['verify', 'broken'],
  ] as const)('%s: no message where it is %s', async (mode, fault) => {
    const mx = await server({
      ehlo: fault === 'missing' ? ['PIPELINING'] : OFFERED.ehlo,
      tls: fault === 'broken' ? 'broken' : tls,
      answer: (line) => (fault === 'refused' && line === 'STARTTLS' ? '454 not now' : undefined),
    });
    const { run, add, queue } = harness({ config: { port: mx.port, tls: mode } });
    add();
    await run();
    expect(mx.commands.some((line) => line.startsWith('MAIL'))).toBe(false);
    expect(queue.reports[0]?.recipients[0]).toMatchObject({ status: Status.STATUS_PENDING, enhancedStatus: '4.7.0' });
  });

  it('verify: goes on with a certificate of the name, and of no other', async () => {
    const mx = await server({ ...OFFERED, tls });
    const good = harness({ config: { port: mx.port, tls: 'verify', 'tls-ca': tls.file } });
    good.add();
    await good.run();
    expect(mx.messages.length).toBe(1);
    const zone = { addresses: { 'remote.test': ['127.0.0.1'] } };
    const other = harness({ zone, config: { port: mx.port, tls: 'verify', 'tls-ca': tls.file } });
    other.add();
    await other.run();
    expect(mx.messages.length).toBe(1);
  });

  it('of a route is as strict as the route says', async () => {
    const mx = await server();
    const { run, add, queue } = harness({ config: { port: mx.port, routes: { 'remote.test': { tls: 'require' } } } });
    add();
    await run();
    expect(mx.messages.length).toBe(0);
    expect(queue.reports[0]?.lastError).toContain('TLS');
  });
});

describe('a smarthost', () => {
  const smarthost = (port: number, more: object = {}) => ({
    smarthost: { host: 'localhost', port, username: 'us', password: 'secret', ...more },
    'tls-ca': tls.file,
  });

  it('gets the mail for all domains, after a login under TLS', async () => {
    const host = await server({ ...OFFERED, tls });
    const { run, add } = harness({ config: smarthost(host.port) });
    add();
    add(['x@elsewhere.test'], { domain: 'elsewhere.test' });
    await run(2);
    expect(host.messages.length).toBe(2);
    expect(host.commands).toContain(`AUTH PLAIN ${Buffer.from('\0us\0secret').toString('base64')}`);
  });

  it('that knows AUTH LOGIN only', async () => {
    const host = await server({ ehlo: ['STARTTLS', 'AUTH=LOGIN'], tls });
    const { run, add } = harness({ config: smarthost(host.port) });
    add();
    await run();
    expect(host.commands.slice(3, 6)).toEqual([
      'AUTH LOGIN',
      Buffer.from('us').toString('base64'),
      Buffer.from('secret').toString('base64'),
    ]);
    expect(host.messages.length).toBe(1);
  });

  it('with TLS from the start', async () => {
    const host = await server({ ...OFFERED, tls, implicit: true });
    const { run, add } = harness({ config: smarthost(host.port, { implicit: true }) });
    add();
    await run();
    expect(host.commands).not.toContain('STARTTLS');
    expect(host.messages.length).toBe(1);
  });

  it('that refuses the login keeps the mail waiting, and the log free of the password', async () => {
    const host = await server({
      ...OFFERED,
      tls,
      answer: (line) => (line.startsWith('AUTH') ? '535 5.7.8 no' : undefined),
    });
    const { run, add, queue, log } = harness({ config: smarthost(host.port) });
    add();
    await run();
    expect(queue.reports[0]?.recipients[0]).toMatchObject({ status: Status.STATUS_PENDING, enhancedStatus: '4.7.0' });
    expect(JSON.stringify(log)).not.toContain('secret');
    expect(host.messages.length).toBe(0);
  });

  it('is not asked for domains that have a route', async () => {
    const host = await server({ ...OFFERED, tls });
    const other = await server();
    const routes = { 'remote.test': `127.0.0.1:${other.port}` };
    const { run, add } = harness({ config: { ...smarthost(host.port), routes } });
    add();
    await run();
    expect([host.messages.length, other.messages.length]).toEqual([0, 1]);
  });
});
