import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient, sender } from '../support/clients.ts';
import { operate, stoaCommand } from '../support/commands.ts';
import { isOneStart, SHAPES, Stoa } from '../support/stoa.ts';

describe.each(SHAPES)("the operator's commands, %s", (shape) => {
  let stoa: Stoa;
  beforeAll(async () => {
    stoa = await Stoa.start(shape);
  });
  afterAll(async () => stoa[Symbol.asyncDispose]());

  it('make domains, accounts and aliases that take mail, and say with their exit code what went wrong', async () => {
    const at = (args: readonly string[], input?: string) => operate(stoa, args, input);
    expect(await at(['domain', 'add', 'example.test'])).toMatchObject({ code: 0, stdout: 'added example.test\n' });
    expect(await at(['domain', 'add', 'example.test'])).toMatchObject({ code: 5 });
    expect(
      await at(['account', 'add', 'alice@example.test', '--password-stdin', '--quota', '1G'], 'a good password\n'),
    ).toMatchObject({ code: 0 });
    expect(await at(['account', 'add', 'x@nowhere.test', '--password-stdin'], 'a good password\n')).toMatchObject({
      code: 4,
    });
    expect(await at(['alias', 'add', '*@example.test', 'alice@example.test'])).toMatchObject({ code: 0 });
    await sender(stoa).sendMail({
      from: 'out@elsewhere.test',
      to: 'anything@example.test',
      subject: 'caught',
      text: 'x',
    });
    const client = await imapClient(stoa, 'alice');
    expect(await client.status('INBOX', { messages: true })).toMatchObject({ messages: 1 });
    await client.logout();
    const { stdout } = await at(['account', 'list', '--json']);
    expect(JSON.parse(stdout)).toMatchObject([
      { address: 'alice@example.test', messages: 1, quotaBytes: 1_073_741_824 },
    ]);
    expect(await at(['account', 'delete', 'nobody@example.test'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('there is no account'),
    });
  });

  it('health and metrics tell the truth', async () => {
    const http = `http://${stoa.httpAddress('imap')}`;
    expect((await fetch(`${http}/health/live`)).status).toBe(200);
    expect(await (await fetch(`${http}/health/ready`)).json()).toMatchObject({
      status: 'ready',
      services: { imap: 'ready' },
    });
    expect(await (await fetch(`${http}/metrics`)).text()).toContain('stoa_imap_sessions');
    if (isOneStart(shape)) return;
    await stoa.kill('store-router');
    const ready = async () => (await fetch(`${http}/health/ready`)).status;
    await expect.poll(ready, { timeout: 10_000 }).toBe(503);
    await stoa.startAll();
    expect(await ready()).toBe(200);
  });

  it('a second start on the same data says what is the matter', async () => {
    const { code, stderr } = await stoaCommand(['start', '--config', join(stoa.folder, 'stoa.toml')], {
      env: { STOA_CLUSTER__LISTEN: '127.0.0.1:0' },
    });
    expect(code).toBe(6);
    expect(stderr).toMatch(/already runs on .* \(process \d+\)/);
  });

  it('a wrong configuration is named with file, line and key', async () => {
    const file = join(stoa.folder, 'wrong.toml');
    writeFileSync(file, '[node]\nid = "1"\n\n[smtp]\nmax-mesage-size = "1 MiB"\n');
    const { code, stderr } = await stoaCommand(['config', 'check', '--config', file]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${file}:5: unknown key smtp.max-mesage-size; did you mean max-message-size?`);
  });

  it('the gRPC server answers health checks and reflection', async () => {
    const { ca, key, cert } = stoa.pki;
    const client = new Client(
      `127.0.0.1:${stoa.clusterPort('store-router')}`,
      isOneStart(shape)
        ? credentials.createInsecure()
        : credentials.createSsl(readFileSync(ca), readFileSync(key), readFileSync(cert)),
    );
    const raw = (octets: Buffer) => octets;
    const health = await new Promise<Buffer>((done, failed) =>
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        raw,
        raw,
        Buffer.alloc(0),
        new Metadata(),
        (error, value) => (error === null ? done(value as Buffer) : failed(error)),
      ),
    );
    // HealthCheckResponse { status: SERVING }
    expect([...health]).toEqual([8, 1]);
    const stream = client.makeBidiStreamRequest('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', raw, raw);
    const answer = new Promise<Buffer>((done, failed) => {
      stream.once('data', done);
      stream.once('error', failed);
    });
    // ServerReflectionRequest { list_services: "*" }
    stream.write(Buffer.from([0x3a, 1, 0x2a]));
    expect((await answer).toString('latin1')).toContain('stoa.storage.v1.MailService');
    stream.cancel();
    stream.on('error', () => {});
    client.close();
  });
});
