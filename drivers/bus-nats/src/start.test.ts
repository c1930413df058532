import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { TOPIC } from '@stoa/plugin-sdk';
import { freePort, makeTlsFiles, type NatsServer, startNats, startRedis, temporaryFolder } from '@stoa/test-servers';
import { nkeys } from 'nats';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LogLine, octets, openBus, Recorder, testContext } from './bus.test-support.ts';
import { writeOperatorFiles } from './operator.test-support.ts';

const folder = temporaryFolder('nats-start');
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(options: Parameters<typeof startNats>[0]): Promise<NatsServer> {
  const server = await startNats(options);
  closing.push(() => server.stop());
  return server;
}

/** A server with a file of configuration. */
function startWith(conf: string): Promise<NatsServer> {
  const file = join(folder, `${Math.random()}.conf`);
  writeFileSync(file, conf);
  return start({ args: ['-c', file] });
}

async function works(config: object): Promise<void> {
  const bus = await openBus(config, testContext([], folder));
  const listener = new Recorder();
  await bus.subscribe(TOPIC, listener);
  await bus.publish(TOPIC, octets('hello'));
  await listener.untilHeard('hello');
  await bus.check();
  await bus.close();
}

/** A server that is no NATS; returns its port. */
async function listen(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => server.close());
  return (server.address() as AddressInfo).port;
}

/** What opening is refused with; neither it nor the log tells a secret. */
async function refusal(config: object): Promise<unknown> {
  const lines: LogLine[] = [];
  const error: unknown = await openBus(config, testContext(lines, folder)).catch((failure: unknown) => failure);
  const { message, cause, stack } = error as Error;
  expect(JSON.stringify([error, message, String(cause), stack, lines])).not.toMatch(/secret|wrong-one/);
  return error;
}

const invalid = (message: RegExp) => ({
  code: 'invalid-configuration',
  message: expect.stringMatching(message) as unknown,
});

describe('logins', () => {
  it('user and password, from a file too; a wrong or missing one names the keys', async () => {
    const { url } = await start({ user: { name: 'stoa', password: 'secret' } });
    writeFileSync(join(folder, 'password'), 'secret\n');
    await works({ servers: [url], user: 'stoa', password: 'secret' });
    await works({ servers: [url], user: 'stoa', 'password-file': 'password' });
    const wrong = await refusal({ servers: [url], user: 'stoa', password: 'wrong-one' });
    expect(wrong).toMatchObject(invalid(/refuses the login; check "user" and "password-file"/));
    expect(await refusal({ servers: [url] })).toMatchObject(invalid(/refuses the login; check "user".*"creds-file"/));
  });

  it('a token', async () => {
    const { url } = await start({ token: 'secret' });
    writeFileSync(join(folder, 'token'), 'secret\n');
    await works({ servers: [url], token: 'secret' });
    await works({ servers: [url], 'token-file': 'token' });
    expect(await refusal({ servers: [url], token: 'wrong-one' })).toMatchObject(invalid(/"token"/));
  });

  it('an nkey', async () => {
    const [known, unknown] = [nkeys.createUser(), nkeys.createUser()];
    writeFileSync(join(folder, 'known.nk'), known.getSeed());
    writeFileSync(join(folder, 'unknown.nk'), unknown.getSeed());
    writeFileSync(join(folder, 'broken.nk'), 'secret');
    const { url } = await startWith(`authorization: { users: [ { nkey: ${known.getPublicKey()} } ] }`);
    await works({ servers: [url], 'nkey-file': 'known.nk' });
    expect(await refusal({ servers: [url], 'nkey-file': 'unknown.nk' })).toMatchObject(invalid(/check "nkey-file"/));
    expect(await refusal({ servers: [url], 'nkey-file': 'broken.nk' })).toMatchObject(invalid(/^nkey-file: /));
  });

  it('a credentials file', async () => {
    const { conf, creds } = writeOperatorFiles(folder);
    const other = writeOperatorFiles(temporaryFolder('nats-other'));
    const { url } = await start({ args: ['-c', conf] });
    await works({ servers: [url], 'creds-file': creds });
    expect(await refusal({ servers: [url], 'creds-file': other.creds })).toMatchObject(invalid(/check "creds-file"/));
  });

  it('the permissions of the README are enough; without one of them the start fails', async () => {
    const user = (name: string, permissions: string) =>
      `{ user: ${name}, password: secret, permissions: ${permissions} }`;
    const both = '["stwt.agora", "stwt.agora.>"]';
    const { url } = await startWith(`authorization: { users: [
      ${user('stoa', `{ publish: ${both}, subscribe: ${both} }`)}
      ${user('deaf', `{ publish: ${both}, subscribe: { deny: ">" } }`)}
      ${user('mute', `{ publish: { deny: ">" }, subscribe: ${both} }`)}
    ] }`);
    await works({ servers: [url], user: 'stoa', password: 'secret' });
    for (const name of ['deaf', 'mute']) {
      const error = await refusal({ servers: [url], user: name, password: 'secret' });
      expect(error, name).toMatchObject(invalid(/lacks a permission.*stwt\.agora and stwt\.agora\.>/));
    }
  });

  it('what is refused later is told to the publisher of it', async () => {
    const both = '["stwt.agora", "stwt.agora.>"]';
    const { url } = await startWith(
      `authorization: { users: [ { user: stoa, password: secret, permissions: { publish: ${both} } } ] }`,
    );
    const bus = await openBus({ servers: [url], user: 'stoa', password: 'secret' });
    closing.push(() => bus.close());
    await expect(bus.publish('elsewhere', octets('1'))).rejects.toMatchObject({ code: 'permission-denied' });
    await bus.publish(TOPIC, octets('2'));
  });
});

describe('TLS', () => {
  const tls = makeTlsFiles(temporaryFolder('nats-tls'));
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNats({ tls, user: { name: 'stoa', password: 'secret' } });
    return () => server.stop();
  });

  it('with an authority of its own, by address and by name', async () => {
    const login = { user: 'stoa', password: 'secret', tls: { ca: tls.ca } };
    await works({ servers: [server.url], ...login });
    await works({ servers: [`${server.host}:${server.port}`], ...login });
    await works({ servers: [`tls://localhost:${server.port}`], ...login });
    await works({ servers: [server.url], ...login, tls: { ca: tls.ca, 'server-name': 'localhost' } });
  });

  it('of another authority, for another name, or with a wrong key is refused', async () => {
    const servers = [server.url];
    expect(await refusal({ servers })).toMatchObject(invalid(/TLS failed.*check "tls"/));
    const other = makeTlsFiles(temporaryFolder('nats-tls-other'));
    expect(await refusal({ servers, tls: { ca: other.ca } })).toMatchObject(invalid(/TLS failed/));
    const name = { ca: tls.ca, 'server-name': 'nats.example' };
    expect(await refusal({ servers, tls: name })).toMatchObject(invalid(/ERR_TLS_CERT_ALTNAME_INVALID/));
    const mixed = { ca: tls.ca, cert: tls.cert, key: other.key };
    expect(await refusal({ servers, tls: mixed })).toMatchObject(invalid(/TLS failed/));
    expect(await refusal({ servers, tls: { ca: '/no/such.pem' } })).toMatchObject(
      invalid(/^tls\.ca: cannot read \/no\/such\.pem \(ENOENT\)/),
    );
  });

  it('on one side only is refused', async () => {
    const plain = await start({ token: 'secret' });
    const secure = await refusal({ servers: [`tls://${plain.host}:${plain.port}`], token: 'secret' });
    expect(secure).toMatchObject(invalid(/offers no TLS: remove "tls"/));
    const open = await refusal({ servers: [`nats://${server.host}:${server.port}`], user: 'stoa', password: 'secret' });
    expect(open).toMatchObject(invalid(/asks for TLS: write tls:\/\//));
  });

  it('a certificate of the client, where the server wants one', async () => {
    const { url } = await start({ tls, args: ['--tlsverify'] });
    await works({ servers: [url], tls: { ...tls } });
    expect(await refusal({ servers: [url], tls: { ca: tls.ca } })).toMatchObject(
      invalid(/wants a certificate: set "cert" and "key"/),
    );
  });
});

describe('what is reached is not what was configured', () => {
  it('nobody there: unavailable, and the address is named', async () => {
    const port = await freePort();
    expect(await refusal({ servers: [`127.0.0.1:${port}`] })).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`127.0.0.1:${port}: cannot be reached (ECONNREFUSED); check the address`),
    });
  });

  it('one of several servers is enough', async () => {
    const { url } = await start({ token: 'secret' });
    await works({ servers: [`127.0.0.1:${await freePort()}`, url], token: 'secret' });
  });

  it('another program, or one that stays silent', async () => {
    const redis = await startRedis();
    closing.push(() => redis.stop());
    const silent = await listen(() => {});
    const chatty = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const short = { 'connect-timeout': '200ms' };
    const quiet = { code: 'unavailable', message: expect.stringContaining('that it is a NATS server') as unknown };
    expect(await refusal({ servers: [`127.0.0.1:${silent}`], ...short })).toMatchObject(quiet);
    expect(await refusal({ servers: [`127.0.0.1:${redis.port}`], ...short })).toMatchObject(quiet);
    const foreign = await refusal({ servers: [`127.0.0.1:${chatty}`], ...short });
    expect(foreign).toMatchObject(invalid(/is no NATS server; correct "servers"/));
  });

  it('a server that takes too small messages only', async () => {
    const { url } = await startWith('max_payload: 64KB');
    expect(await refusal({ servers: [url] })).toMatchObject(invalid(/raise its max_payload to 262144/));
  });

  it.each([
    [{ servers: ['nats://stoa:secret@127.0.0.1'] }, /"user"/],
    [{ servers: ['http://127.0.0.1'] }, /expected "host/],
    [{ servers: [] }, /./],
    [{ user: 'a', token: 'b' }, /either "user" or "token"/],
    [{ password: 'secret' }, /belongs to "user"/],
    [{ user: 'a', password: 'b', 'password-file': 'c' }, /either "password" or "password-file"/],
    [{ tls: { cert: 'a' } }, /belong together/],
    [{ prefix: 'mail' }, /end in "\."/],
    [{ 'reconnect-min': '500ms', 'reconnect-max': '100ms' }, /less than/],
  ])('%j is refused by the schema', async (config, message) => {
    await expect(openBus(config)).rejects.toThrow(message);
  });
});

it('a prefix keeps two programs on one server apart', async () => {
  const { url } = await start({ token: 'secret' });
  const [one, two] = await Promise.all(
    ['one.', 'two.'].map((prefix) => openBus({ servers: [url], token: 'secret', prefix })),
  );
  closing.push(async () => Promise.all([one?.close(), two?.close()]));
  const [first, second] = [new Recorder(), new Recorder()];
  await one?.subscribe(TOPIC, first);
  await two?.subscribe(TOPIC, second);
  await one?.publish(TOPIC, octets('1'));
  await two?.publish(TOPIC, octets('2'));
  await first.untilHeard('1');
  await second.untilHeard('2');
  expect([first.calls, second.calls]).toEqual([
    ['(connected)', '1'],
    ['(connected)', '2'],
  ]);
});

it('what is no topic is refused', async () => {
  const { url } = await start({ token: 'secret' });
  const bus = await openBus({ servers: [url], token: 'secret' });
  closing.push(() => bus.close());
  for (const topic of ['', 'a..b', 'a.*', '>', 'a b', 'a\r\nPUB b 0']) {
    await expect(bus.publish(topic, octets('1')), topic).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(bus.subscribe(topic, new Recorder()), topic).rejects.toMatchObject({ code: 'invalid-argument' });
  }
});
