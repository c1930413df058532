import { connect, type Socket } from 'node:net';
import type { Client, coordinator, storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { EventListener, Logger, Service, ServiceContext } from '@stoa/service-kit';
import { listenHere } from '@stoa/service-kit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type SmtpConfig, smtpConfig } from './config.ts';
import { smtpModule } from './service.ts';

/** A directory in which every password is right, and the line to the coordinator, both played by the test. */
class World {
  readonly listeners = new Set<EventListener>();
  readonly blocked = new Map<string, number>();
  credentialVersion = 1;
  routerAway = false;
  connected = true;

  say(kind: NonNullable<coordinator.Event['kind']>): void {
    for (const listener of this.listeners) listener.event({ traceParent: '', kind }, 'n2');
  }

  gap(): void {
    for (const listener of this.listeners) listener.gap('test', undefined);
  }

  readonly directory: Partial<Client<typeof storage.DirectoryServiceDefinition>> = {
    authenticate: async ({ username = '' }) => ({
      accountId: username,
      address: username,
      credentialVersion: this.credentialVersion,
    }),
    checkAddress: async ({ address = '' }) => {
      if (this.routerAway) throw new StoaError('unavailable', 'the router is away');
      return { blockedUntil: this.blocked.get(address) ?? 0 };
    },
    getAccount: async ({ by }) => ({
      account: {
        ...{ id: String(by?.value), address: String(by?.value), disabled: false, quotaBytes: 0, usedBytes: 0 },
        ...{ messages: 0, createdAt: 0, credentialVersion: this.credentialVersion },
      },
    }),
  };
}

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };

const running: Service[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const service of running.splice(0)) await service.stop();
});

function dial(port: number) {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  const client = {
    said: '',
    ended: false,
    send: (line: string) => void socket.write(`${line}\r\n`),
    /** Waits until the server has said something. */
    hears: (text: string) => vi.waitFor(() => expect(client.said).toContain(text), 5_000),
    ends: () => vi.waitFor(() => expect(client.ended).toBe(true), 5_000),
  };
  socket.on('data', (octets: Buffer) => {
    client.said += octets.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    client.ended = true;
  });
  return client;
}

const HOUR_MS = 3_600_000;

async function start(world = new World()) {
  const listeners = [{ name: 'submission', kind: 'submission', listen: '127.0.0.1:0' }];
  const context = {
    config: smtpConfig.parse({ listeners, outbound: { enabled: false } }),
    node: { id: '1', incarnation: 1, hostname: 'mx.test', demo: true, version: '1' },
    logger,
    client: (definition: { name: string }) => (definition.name === 'DirectoryService' ? world.directory : {}),
    events: {
      publish() {},
      subscribe(listener: EventListener) {
        world.listeners.add(listener);
        return () => world.listeners.delete(listener);
      },
      get connected() {
        return world.connected;
      },
      flush: async () => {},
    },
    certificates: { available: false, secureContext: () => undefined, onChange: () => () => {} },
    now: Date.now,
    listen: listenHere,
  } as unknown as ServiceContext<SmtpConfig>;
  const service = await smtpModule.create(context);
  running.push(service);
  await service.start();
  const port = Number(service.addresses['submission']?.split(':')[1]);
  const logIn = async (name = 'alice') => {
    const client = dial(port);
    await client.hears('220 ');
    client.send('EHLO client.test');
    await client.hears('250 ');
    client.send(`AUTH PLAIN ${Buffer.from(`\0${name}\0secret`).toString('base64')}`);
    await client.hears('235 ');
    return client;
  };
  return { world, service, logIn, open: () => dial(port) };
}

describe('the SMTP service', () => {
  it('ends the sessions of an account that was disabled, and no others', async () => {
    const { world, logIn } = await start();
    const [alice, bob] = [await logIn('alice'), await logIn('bob')];
    const value = { accountId: 'alice', address: 'alice', endSessions: true, credentialVersion: 2 };
    world.say({ $case: 'accountChanged', value });
    await alice.hears('421 4.7.0 Your session was ended');
    await alice.ends();
    bob.send('NOOP');
    await bob.hears('250 2.0.0');
  });

  it('looks whether sessions may go on after events may have been lost', async () => {
    const { world, logIn } = await start();
    const alice = await logIn();
    world.credentialVersion = 2;
    world.gap();
    await alice.ends();
  });

  it('refuses an address that was blocked before it started, or that an event blocks, until it is unblocked', async () => {
    const world = new World();
    world.blocked.set('127.0.0.1', Date.now() + HOUR_MS);
    const { open } = await start(world);
    const first = open();
    await first.hears('554 5.7.1 Your address is blocked');
    await first.ends();
    const unblocked = { address: '127.0.0.1', network: '127.0.0.1', until: 0 };
    world.say({ $case: 'addressBlocked', value: unblocked });
    await open().hears('220 ');
    world.say({ $case: 'addressBlocked', value: { ...unblocked, until: Date.now() + HOUR_MS } });
    await open().hears('554 ');
  });

  it('lets clients in while nobody can tell whether they are blocked', async () => {
    const world = new World();
    world.routerAway = true;
    const { open } = await start(world);
    await open().hears('220 ');
  });

  it('takes over new limits', async () => {
    const { service, logIn, open } = await start();
    const alice = await logIn();
    service.reload?.(smtpConfig.parse({ 'max-connections': 1, 'max-message-size': '1 MiB' }));
    await open().hears('421 ');
    alice.said = '';
    alice.send('EHLO client.test');
    await alice.hears('SIZE 1048576');
  });
});
