import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { storage } from '@stoa/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient } from '../support/clients.ts';
import { LineClient } from '../support/line-client.ts';
import { makeServerCertificate } from '../support/pki.ts';
import { SHAPES, Stoa } from '../support/stoa.ts';

/** Common name of the certificate that a TLS port presents for a server name. */
async function presented(port: number, servername: string): Promise<string | undefined> {
  const socket = connectTls({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return Array.isArray(name) ? name[0] : name;
}

describe.each(SHAPES)('security, %s', (shape) => {
  let stoa: Stoa;

  beforeAll(async () => {
    stoa = await Stoa.start(shape, { toml: '[store-router.auth]\nmax-failures-per-account = 5\n' });
    await stoa.provision('alice', 'bob', 'carol', 'dave');
  });
  afterAll(async () => stoa[Symbol.asyncDispose]());

  it('refuses plain-text logins without TLS', async () => {
    const imap = new LineClient(stoa.port('imap'));
    expect(await imap.line()).toContain('LOGINDISABLED');
    expect(await imap.say('a LOGIN alice@example.test x')).toMatch(/^a NO \[PRIVACYREQUIRED\]/);
    imap.socket.destroy();
    const smtp = new LineClient(stoa.port('submission'));
    await smtp.line();
    expect(await smtp.say('EHLO client.test')).toMatch(/^250-/);
    expect((await smtp.until('250 ')).join()).not.toContain('AUTH');
    expect(await smtp.say('AUTH PLAIN AGEAYg==')).toMatch(/^538 /);
    smtp.socket.destroy();
  });

  it('tells nobody whether it was the user or the password', async () => {
    const refusal = async (user: string) => {
      const error = await imapClient(stoa, user, 'wrong').catch((e: { responseText?: string }) => e);
      return (error as { responseText?: string }).responseText;
    };
    expect(await refusal('bob')).toBe(await refusal('nobody'));
  });

  it('refuses an account after too many failures, the right password included', async () => {
    const attempt = (password?: string) =>
      imapClient(stoa, 'carol', password).then(
        () => 'in',
        (error: { serverResponseCode?: string }) => error.serverResponseCode,
      );
    for (let i = 0; i < 5; i++) expect(await attempt('wrong')).toBe('AUTHENTICATIONFAILED');
    expect(await attempt()).toBe('UNAVAILABLE');
  });

  it('throws away commands that were sent before the TLS handshake', async () => {
    const imap = new LineClient(stoa.port('imap'));
    await imap.line();
    expect(await imap.say('a STARTTLS\r\nb LOGIN alice@example.test x')).toMatch(/^a OK /);
    const secure = connectTls({ socket: imap.socket, rejectUnauthorized: false });
    const lines = createInterface({ input: secure })[Symbol.asyncIterator]();
    secure.write('c NOOP\r\n');
    expect((await lines.next()).value).toMatch(/^c OK /);
    secure.destroy();
  });

  it('serves a replaced certificate without a restart', async () => {
    const port = stoa.port('imaps');
    expect(await presented(port, 'localhost')).toBe('localhost');
    const fresh = join(stoa.folder, 'fresh');
    makeServerCertificate(join(fresh, 'cert.pem'), join(fresh, 'key.pem'), 'renewed.example.test');
    for (const file of ['key.pem', 'cert.pem']) copyFileSync(join(fresh, file), join(stoa.folder, file));
    await expect.poll(() => presented(port, 'renewed.example.test'), { timeout: 10_000 }).toBe('renewed.example.test');
  });

  it('ends the sessions of an account whose password was changed', async () => {
    const client = await imapClient(stoa, 'dave');
    const closed = once(client, 'close');
    await stoa
      .client(storage.DirectoryServiceDefinition)
      .updateAccount({ address: 'dave@example.test', password: 'a better password' });
    await closed;
    const again = await imapClient(stoa, 'dave', 'a better password');
    await again.logout();
    expect(
      await imapClient(stoa, 'dave').catch((error: { serverResponseCode?: string }) => error.serverResponseCode),
    ).toBe('AUTHENTICATIONFAILED');
  });

  it('ends the sessions of an account that is disabled', async () => {
    const client = await imapClient(stoa, 'alice');
    const closed = once(client, 'close');
    await stoa
      .client(storage.DirectoryServiceDefinition)
      .updateAccount({ address: 'alice@example.test', disabled: true });
    await closed;
    expect(
      await imapClient(stoa, 'alice').catch((error: { serverResponseCode?: string }) => error.serverResponseCode),
    ).toBe('AUTHENTICATIONFAILED');
  });
});
