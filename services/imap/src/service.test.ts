import { connect, type Socket } from 'node:net';
import { type Client, type coordinator, mailboxStream, storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { EventListener, Logger, MailboxInterest, Service, ServiceContext } from '@stoa/service-kit';
import { listenHere } from '@stoa/service-kit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type ImapConfig, imapConfig } from './config.ts';
import { imapModule } from './service.ts';

/** A directory in which every password is right, and the line to the coordinator, both played by the test. */
class World {
  readonly listeners = new Set<EventListener>();
  readonly blocked = new Map<string, number>();
  readonly interests: MailboxInterest[] = [];
  credentialVersion = 1;
  routerAway = false;
  connected = true;
  /** Times that a selected mailbox was read. */
  reads = 0;

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

  readonly mail = {
    openMailbox: async function* () {
      const value = storage.MailboxState.fromPartial({ mailboxId: 1, uidNext: 1, uidValidity: 1, highestModseq: 1 });
      yield { part: { $case: 'state', value } };
    },
    syncMailbox: async function* (this: World) {
      this.reads += 1;
      yield { delta: storage.MailboxDelta.fromPartial({}) };
    }.bind(this),
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

async function start(world = new World(), limits: object = {}) {
  const context = {
    config: imapConfig.parse({ listeners: [{ name: 'imap', listen: '127.0.0.1:0' }], ...limits }),
    node: { id: '1', incarnation: 1, hostname: 'mx.test', demo: true, version: '1' },
    logger,
    client: (definition: { name: string }) => (definition.name === 'DirectoryService' ? world.directory : world.mail),
    events: {
      publish() {},
      subscribe(listener: EventListener) {
        world.listeners.add(listener);
        return () => world.listeners.delete(listener);
      },
      get connected() {
        return world.connected;
      },
      follow: (interest: MailboxInterest) => void world.interests.push(interest),
      flush: async () => {},
    },
    certificates: { available: false, secureContext: () => undefined, onChange: () => () => {} },
    now: Date.now,
    listen: listenHere,
  } as unknown as ServiceContext<ImapConfig>;
  const service = await imapModule.create(context);
  running.push(service);
  await service.start();
  const port = Number(service.addresses['imap']?.split(':')[1]);
  const logIn = async (name = 'alice') => {
    const client = dial(port);
    client.send(`a LOGIN ${name} secret`);
    await client.hears('a OK');
    return client;
  };
  return { world, service, logIn, open: () => dial(port) };
}

describe('the IMAP service', () => {
  it('ends the sessions whose password changed, and no others', async () => {
    const { world, logIn } = await start();
    const [alice, bob] = [await logIn('alice'), await logIn('bob')];
    world.credentialVersion = 2;
    const fresh = await logIn('alice');
    const value = { accountId: 'alice', address: 'alice', endSessions: true, credentialVersion: 2 };
    world.say({ $case: 'accountChanged', value });
    await alice.hears('* BYE Your session was ended');
    await alice.ends();
    for (const client of [bob, fresh]) {
      client.send('b NOOP');
      await client.hears('b OK');
    }
  });

  it('refuses a login with the password that an event took away on the way', async () => {
    const { world, open } = await start();
    const value = { accountId: 'alice', address: 'alice', endSessions: true, credentialVersion: 2 };
    world.say({ $case: 'accountChanged', value });
    const client = open();
    client.send('a LOGIN alice secret');
    await client.hears('a NO [AUTHENTICATIONFAILED]');
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
    await first.hears('* BYE Your address is blocked');
    await first.ends();
    const unblocked = { address: '127.0.0.1', network: '127.0.0.1', until: 0 };
    world.say({ $case: 'addressBlocked', value: unblocked });
    await open().hears('* OK');
    world.say({ $case: 'addressBlocked', value: { ...unblocked, until: Date.now() + HOUR_MS } });
    await open().hears('* BYE');
  });

  it('lets clients in while nobody can tell whether they are blocked', async () => {
    const world = new World();
    world.routerAway = true;
    const { open } = await start(world);
    await open().hears('* OK');
  });

  it('reads selected mailboxes now and then while no events come, and at once after a gap', async () => {
    const { world, logIn } = await start(new World(), { 'poll-interval': '10ms' });
    const alice = await logIn();
    alice.send('b SELECT INBOX');
    await alice.hears('b OK');
    alice.send('c IDLE');
    await alice.hears('+ idling');
    const before = world.reads;
    world.gap();
    await vi.waitFor(() => expect(world.reads).toBe(before + 1));
    world.connected = false;
    await vi.waitFor(() => expect(world.reads).toBeGreaterThan(before + 2), 10_000);
  });

  it('asks for the mailbox events of accounts with sessions, and reads what was missed before they come', async () => {
    const { world, logIn } = await start();
    expect(world.interests).toEqual([]);
    const [alice, bob] = [await logIn('alice'), await logIn('bob')];
    const streams = ['alice', 'bob'].map(mailboxStream);
    expect(world.interests).toEqual([new Set(streams.slice(0, 1)), new Set(streams)]);
    for (const client of [alice, bob]) {
      client.send('b SELECT INBOX');
      await client.hears('b OK');
    }
    const before = world.reads;
    for (const listener of world.listeners) listener.mailboxGap?.(new Set(streams.slice(1)));
    await vi.waitFor(() => expect(world.reads).toBe(before + 1));
    for (const listener of world.listeners) listener.mailboxGap?.(new Set(streams));
    await vi.waitFor(() => expect(world.reads).toBe(before + 3));
  });

  it('takes over new limits', async () => {
    const { service, logIn, open } = await start();
    await logIn();
    service.reload?.(imapConfig.parse({ 'max-connections': 1 }));
    await open().hears('* BYE Too many connections');
    service.reload?.(imapConfig.parse({ 'max-connections': 2 }));
    await open().hears('* OK');
  });
});
