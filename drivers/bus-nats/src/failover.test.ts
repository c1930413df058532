import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOPIC } from '@stoa/plugin-sdk';
import {
  type NatsCluster,
  type NatsServer,
  startNats,
  startNatsCluster,
  startToxiproxy,
  temporaryFolder,
  until,
} from '@stoa/test-servers';
import { afterEach, describe, expect, it } from 'vitest';
import { type LogLine, octets, openBus, publishEventually, Recorder, testContext } from './bus.test-support.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function single(): Promise<NatsServer> {
  const server = await startNats({ host: '127.0.0.1' });
  closing.push(() => server.stop());
  return server;
}

async function cluster(): Promise<NatsCluster> {
  const servers = await startNatsCluster();
  closing.push(() => servers.stop());
  return servers;
}

async function open(config: object, lines?: LogLine[]) {
  const bus = await openBus(config, testContext(lines));
  closing.push(() => bus.close());
  const listener = new Recorder();
  await bus.subscribe(TOPIC, listener);
  return { bus, listener };
}

interface Connections {
  connections: { name: string }[];
}

/** Names of the connections of a server. */
async function connectionsOf({ host, monitorPort }: NatsServer): Promise<string[]> {
  const response = await fetch(`http://${host}:${monitorPort}/connz`);
  return ((await response.json()) as Connections).connections.map(({ name }) => name);
}

/** The server that a bus of this name is on. */
async function serverOf(name: string, servers: readonly NatsServer[]): Promise<NatsServer> {
  for (const server of servers) if ((await connectionsOf(server)).includes(name)) return server;
  throw new Error(`${name} is on no server`);
}

describe('a single server', () => {
  it('is killed and started again: gap, connected, and messages flow; what is published meanwhile is refused', async () => {
    const server = await single();
    const { bus, listener } = await open({ servers: [server.url] });
    await bus.publish(TOPIC, octets('before'));
    await listener.untilHeard('before');
    await server.kill();
    await until('the gap', () => listener.gaps === 1);
    await expect(bus.publish(TOPIC, octets('meanwhile'))).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
    await expect(bus.check()).rejects.toMatchObject({ code: 'unavailable' });
    await server.restart();
    await listener.untilBack();
    await bus.publish(TOPIC, octets('after'));
    await listener.untilHeard('after');
    expect(listener.calls).toEqual(['(connected)', 'before', '(gap)', '(connected)', 'after']);
    await bus.check();
  });

  it('that refuses the login for a while is asked again, and says so to publishers', async () => {
    const file = join(temporaryFolder('nats-login'), 'nats.conf');
    const allow = (password: string) =>
      writeFileSync(file, `authorization: { users: [ { user: stoa, password: ${password} } ] }`);
    allow('first');
    const server = await startNats({ args: ['-c', file] });
    closing.push(() => server.stop());
    const { bus, listener } = await open({ servers: [server.url], user: 'stoa', password: 'first' });
    await server.kill();
    allow('second');
    await server.restart();
    const refused = () =>
      bus.publish(TOPIC, octets('refused')).catch(({ code, message }: { code: string; message: string }) => {
        return code === 'unavailable' && message.includes('refuses the login; check "user"');
      });
    await until('the refusal', async () => (await refused()) === true);
    await server.kill();
    allow('first');
    await server.restart();
    await listener.untilBack();
    await bus.publish(TOPIC, octets('after'));
    await listener.untilHeard('after');
  });

  it('that stops answering is noticed by pings, and a publisher does not wait longer than its time', async () => {
    const server = await single();
    const config = {
      servers: [server.url],
      'ping-interval': '200ms',
      'publish-timeout': '300ms',
      'connect-timeout': '300ms',
    };
    const { bus, listener } = await open(config);
    server.signal('SIGSTOP');
    closing.push(async () => server.signal('SIGCONT'));
    const large = bus.publish(TOPIC, new Uint8Array(256 * 1024));
    await expect(large).rejects.toMatchObject({ code: 'unavailable' });
    await until('the gap', () => listener.gaps === 1);
    await expect(bus.publish(TOPIC, octets('lost'))).rejects.toMatchObject({ code: 'unavailable' });
    server.signal('SIGCONT');
    await listener.untilBack();
    await bus.publish(TOPIC, octets('after'));
    await listener.untilHeard('after');
    expect(listener.calls).not.toContain('lost');
  });

  it('behind a line that swallows everything is noticed even with much unsent', async () => {
    const server = await single();
    const proxies = await startToxiproxy();
    closing.push(() => proxies.stop());
    const line = await proxies.proxy(server.host, server.port);
    const short = { 'ping-interval': '200ms', 'publish-timeout': '400ms', 'connect-timeout': '300ms' };
    const config = { servers: [`${line.host}:${line.port}`], discover: false, ...short };
    const { bus, listener } = await open(config);
    const heal = await line.add({ type: 'bandwidth', stream: 'upstream', attributes: { rate: 0 } });
    const large = Array.from({ length: 100 }, () => bus.publish(TOPIC, new Uint8Array(256 * 1024)));
    for (const each of await Promise.allSettled(large)) expect(each.status).toBe('rejected');
    await until('the gap', () => listener.gaps > 0);
    await heal();
    await listener.untilBack();
    await publishEventually(bus, TOPIC, 'after');
    await listener.untilHeard('after');
  });

  it('that drops a subscriber which is too slow leads to a gap', async () => {
    const folder = temporaryFolder('nats-slow');
    writeFileSync(join(folder, 'nats.conf'), 'write_deadline: "100ms"\nmax_pending: 1MB\n');
    const server = await startNats({ args: ['-c', join(folder, 'nats.conf')] });
    closing.push(() => server.stop());
    const proxies = await startToxiproxy();
    closing.push(() => proxies.stop());
    const line = await proxies.proxy(server.host, server.port);
    // Pings do not find it first.
    const slow = await open({ servers: [`${line.host}:${line.port}`], discover: false, 'ping-interval': '60000ms' });
    const fast = await openBus({ servers: [server.url] });
    closing.push(() => fast.close());
    const heal = await line.add({ type: 'bandwidth', stream: 'downstream', attributes: { rate: 1 } });
    const large = new Uint8Array(256 * 1024);
    for (let sent = 0; !server.log.includes('Slow Consumer'); sent += 1) {
      if (sent > 1000) throw new Error('the server never found the subscriber slow');
      await fast.publish(TOPIC, large);
    }
    await heal();
    await slow.listener.untilBack();
    await fast.publish(TOPIC, octets('after'));
    await slow.listener.untilHeard('after');
  });
});

describe('a cluster of three', () => {
  it('whose server we are on is killed: gap, and all goes on at another one, found through the cluster', async () => {
    const { servers } = await cluster();
    const [first, second] = servers as [NatsServer, NatsServer];
    const one = await open({ servers: [first.url], name: 'one' });
    const two = await open({ servers: [second.url], name: 'two' });
    await first.kill();
    await one.listener.untilBack();
    await two.listener.untilBack();
    await publishEventually(one.bus, TOPIC, 'from one');
    await publishEventually(two.bus, TOPIC, 'from two');
    for (const { listener } of [one, two]) {
      await listener.untilHeard('from one');
      await listener.untilHeard('from two');
    }
    expect(await serverOf('one', servers.slice(1))).toBeDefined();
  });

  it('tells of a gap when another server goes, and when it comes back; then its messages arrive', async () => {
    const { servers } = await cluster();
    const [first, second] = servers as [NatsServer, NatsServer];
    const { listener } = await open({ servers: [first.url] });
    await second.kill();
    await listener.untilBack();
    const gaps = listener.gaps;
    await second.restart();
    await listener.untilBack(gaps);
    const other = await open({ servers: [second.url] });
    await other.bus.publish(TOPIC, octets('from the other'));
    await listener.untilHeard('from the other');
  });

  it('two servers that are no cluster: the subscription does not stand, and the log says why', async () => {
    const [one, two] = [await single(), await single()];
    const lines: LogLine[] = [];
    const config = { servers: [one.url, two.url], 'connect-timeout': '300ms', 'publish-timeout': '300ms' };
    const bus = await openBus(config, testContext(lines));
    closing.push(() => bus.close());
    await expect(bus.subscribe(TOPIC, new Recorder())).rejects.toMatchObject({ code: 'unavailable' });
    expect(JSON.stringify(lines.map(({ message }) => message))).toContain('does not bring all messages');
  });

  it('a server that is about to end is left before it does', async () => {
    const { servers } = await cluster();
    const [first] = servers as [NatsServer];
    const { listener, bus } = await open({ servers: [first.url], name: 'leaving' });
    first.signal('SIGUSR2');
    await listener.untilBack();
    expect(listener.reasons[0]).toContain('shut down');
    await serverOf('leaving', servers.slice(1));
    await publishEventually(bus, TOPIC, 'after');
    await listener.untilHeard('after');
  });
});
