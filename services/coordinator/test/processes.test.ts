import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { coordinator, mailboxStream } from '@stoa/contracts';
import {
  ConfigDocument,
  defineService,
  type EventClient,
  type RunningNode,
  runNode,
  type ServiceModule,
  type ServiceName,
} from '@stoa/service-kit';
import { freePorts, type RedisServer, startRedis, until } from '@stoa/test-servers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { coordinatorModule } from '../src/service.ts';
import { recordingLogger } from './support/test-node.ts';

const PATIENCE_MS = 20_000;
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'stoa-processes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A service that notes what it hears and publishes what it is told to. */
function front() {
  const heard: string[] = [];
  let events: EventClient | undefined;
  const module = defineService({
    name: 'imap',
    configSchema: z.object({}),
    needs: ['coordinator'],
    offers: [],
    async create(context) {
      events = context.events;
      return {
        contracts: [],
        async start() {
          context.events.subscribe({
            event: ({ kind }, nodeId) =>
              void heard.push(
                kind?.$case === 'domainChanged'
                  ? `${nodeId} ${kind.value.domain}`
                  : kind?.$case === 'mailboxChanged'
                    ? `${nodeId} ${kind.value.accountId}`
                    : '',
              ),
            gap: (reason, nodeId) => void heard.push(`gap ${nodeId ?? 'any'}: ${reason}`),
            mailboxGap: (streams) => void heard.push(`streams ${[...streams]}`),
          });
        },
        drain: async () => {},
        stop: async () => {},
        check: async () => {},
        addresses: {},
        sessions: 3,
      };
    },
  });
  return {
    heard,
    gaps: () => heard.filter((line) => line.startsWith('gap')).length,
    follow: (accountId: string) => events?.follow(new Set([mailboxStream(accountId)])),
    change: (accountId: string) =>
      events?.publish({ $case: 'mailboxChanged', value: { accountId, mailboxId: 1, modseq: 1 } }),
    publish: (domain: string) => events?.publish({ $case: 'domainChanged', value: { domain } }),
    get connected() {
      return events?.connected === true;
    },
    modules: [coordinatorModule, module] as readonly ServiceModule[],
  };
}

describe('nodes whose services are processes of their own', () => {
  let redis: RedisServer;
  let ports: number[];
  let count = 0;
  const running: RunningNode[] = [];

  beforeAll(async () => {
    redis = await startRedis({});
    ports = await freePorts(2);
  });
  afterEach(async () => {
    for (const process of running.splice(0).reverse()) await process.stop();
  });
  afterAll(() => redis?.stop());

  const start = async (id: 0 | 1, services: ServiceName[], modules: readonly ServiceModule[]) => {
    count += 1;
    const address = `127.0.0.1:${ports[id]}`;
    const text = `
[node]
id = "n${id}"
data-directory = ${JSON.stringify(join(folder, String(count)))}
[http]
listen = "127.0.0.1:0"
[bus]
driver = "redis"
url = "${redis.url}"
[cluster]
${services.includes('coordinator') ? `listen = "${address}"` : `services.coordinator = ["${address}"]`}
`;
    const document = new ConfigDocument({ text, file: join(ROOT, 'stoa.toml') });
    const process = await runNode({ document, modules, services, version: '1', logger: recordingLogger() });
    running.push(process);
    return process;
  };

  const startBoth = async () => {
    const fronts = [front(), front()] as const;
    const coordinators: RunningNode[] = [];
    for (const id of [0, 1] as const) {
      coordinators.push(await start(id, ['coordinator'], fronts[id].modules));
      await start(id, ['imap'], fronts[id].modules);
    }
    await until('events flow', () => fronts.every(({ connected }) => connected), PATIENCE_MS);
    return { fronts, coordinators };
  };

  const ready = async (process: RunningNode) => {
    const response = await fetch(`http://${process.addresses['http']}/health/ready`);
    return { status: response.status, body: (await response.json()) as { status: string; degraded?: object } };
  };
  const metrics = async (process: RunningNode) => (await fetch(`http://${process.addresses['http']}/metrics`)).text();

  it('hear each other, and name all services of a node', async () => {
    const { fronts, coordinators } = await startBoth();
    fronts[0].publish('x');
    for (const { heard } of fronts) await until('the event', () => heard.includes('n0 x'), PATIENCE_MS);
    const client = coordinators[1]?.client(coordinator.CoordinatorServiceDefinition);
    const member = async () => (await client?.listMembers({}))?.members.find(({ nodeId }) => nodeId === 'n0');
    await until(
      'its services are known',
      async () => (await member())?.services.includes('imap') === true,
      PATIENCE_MS,
    );
    expect((await member())?.sessions).toBe(3);
  });

  it('get the mailbox events that their processes need, and no others', async () => {
    const { fronts, coordinators } = await startBoth();
    // Nodes of one process share their figures: these are of the one that receives, and of the one that started last.
    const figure = async (name: string) => {
      const text = await metrics(coordinators[0] as RunningNode);
      return Number(new RegExp(`^stoa_${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(text)?.[1] ?? 0);
    };
    expect(await figure('bus_streams')).toBe(1);
    fronts[0].change('alice');
    fronts[0].publish('x');
    await until('what all need', () => fronts[1].heard.includes('n0 x'), PATIENCE_MS);
    expect(await figure('bus_events_received_total')).toBe(1);
    expect(fronts[1].heard).not.toContain('n0 alice');
    fronts[1].follow('alice');
    await until('it comes', () => fronts[1].heard.includes(`streams ${mailboxStream('alice')}`), PATIENCE_MS);
    expect(await figure('bus_streams')).toBe(2);
    fronts[0].change('alice');
    await until('the change', () => fronts[1].heard.includes('n0 alice'), PATIENCE_MS);
    expect(await figure('bus_events_received_total')).toBe(2);
  });

  it('miss nothing of a process whose coordinator was away', async () => {
    const { fronts, coordinators } = await startBoth();
    const gaps = fronts.map((each) => each.gaps());
    await coordinators[0]?.stop();
    await until('it is known', () => !fronts[0].connected, PATIENCE_MS);
    expect(fronts[0].gaps()).toBeGreaterThan(gaps[0] as number);
    fronts[0].publish('meanwhile');
    fronts[1].publish('other');
    await start(0, ['coordinator'], fronts[0].modules);
    await until('events flow', () => fronts[0].connected, PATIENCE_MS);
    await until('the event came late', () => fronts[1].heard.includes('n0 meanwhile'), PATIENCE_MS);
    // What it did not hear itself, it is told to read.
    expect(fronts[0].heard.some((line) => line.includes('the subscription began'))).toBe(true);
  });

  it('are ready without the bus, and say what is missing', async () => {
    const { fronts, coordinators } = await startBoth();
    const [first] = coordinators as [RunningNode];
    const [, imap] = running as [RunningNode, RunningNode];
    await until(
      'two members',
      async () => /^stoa_members\{state="alive"[^}]*\} 2/m.test(await metrics(first)),
      PATIENCE_MS,
    );
    expect(await metrics(first)).toMatch(/^stoa_bus_connected\S* 1/m);
    expect(await ready(first)).toEqual({ status: 200, body: { status: 'ready', services: { coordinator: 'ready' } } });
    await redis.kill();
    await until('it is known', () => fronts.every(({ connected }) => !connected), PATIENCE_MS);
    expect(await metrics(first)).toMatch(/^stoa_bus_connected\S* 0/m);
    for (const [process, name] of [
      [first, 'coordinator'],
      [imap, 'events'],
    ] as const) {
      const { status, body } = await ready(process);
      expect(status).toBe(200);
      expect(body.status).toBe('degraded');
      expect(Object.keys(body.degraded ?? {})).toEqual([name]);
    }
    const gaps = fronts.map((each) => each.gaps());
    await redis.restart();
    await until('events flow', () => fronts.every(({ connected }) => connected), PATIENCE_MS);
    expect(fronts.every((each, i) => each.gaps() > (gaps[i] as number))).toBe(true);
    expect((await ready(first)).body.status).toBe('ready');
    expect(await metrics(first)).toMatch(/^stoa_bus_gaps_total\{scope="bus"/m);
  });

  it('start without the bus, and join when it is there', async () => {
    await redis.kill();
    try {
      const one = front();
      const process = await start(0, ['coordinator', 'imap'], one.modules);
      expect(await ready(process)).toMatchObject({ status: 200, body: { status: 'degraded' } });
      await redis.restart();
      await until('the bus is there', () => one.connected, PATIENCE_MS);
      expect((await ready(process)).body.status).toBe('ready');
    } finally {
      await redis.restart().catch(() => {});
    }
  });
});
