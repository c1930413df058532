import { randomBytes } from 'node:crypto';
import type { storage } from '@stoa/contracts';
import type { Logger } from '@stoa/service-kit';
import { onTestFinished } from 'vitest';
import type { z } from 'zod';
import { outboundConfig } from '../../src/outbound/config.ts';
import { createOutbound } from '../../src/outbound/index.ts';
import type { DnsResolver, MxRecord } from '../../src/outbound/route/resolver.ts';
import { FakeServer, type FakeServerOptions } from './fake-server.ts';
import { FakeEvents, FakeQueue, fakeBlobs, fakeDirectory, fakeMail, type LocalDelivery } from './fake-stores.ts';

export const MESSAGE = [
  'Return-Path: <sender@example.test>',
  'Received: by stoa.example.test; Mon, 1 Jan 2024 00:00:00 +0000',
  'Subject: hello',
  '',
  '.a line with a dot',
  'the end',
  '',
].join('\r\n');

/** As it goes over the wire. */
export const SENT = MESSAGE.slice(MESSAGE.indexOf('Received:')).replace('\r\n.a', '\r\n..a');

export interface Zone {
  mx?: Record<string, MxRecord[] | 'missing' | Error>;
  addresses?: Record<string, string[] | Error>;
}

/** DNS of a few names; those not named do not exist. */
export function fakeResolver(zone: Zone): DnsResolver {
  const addresses = async (name: string, family: 4 | 6) => {
    const found = zone.addresses?.[name];
    if (found instanceof Error) throw found;
    const list = (found ?? []).filter((address) => address.includes(':') === (family === 6));
    return list.length === 0 ? ('missing' as const) : list;
  };
  return {
    async mx(domain) {
      const found = zone.mx?.[domain] ?? 'missing';
      if (found instanceof Error) throw found;
      return found;
    },
    addresses,
    async hostAddresses(name) {
      return name === 'localhost' ? ['127.0.0.1'] : addresses(name, 4);
    },
  };
}

export interface LogLine {
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

function recordingLogger(lines: LogLine[]): Logger {
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: fields as Record<string, unknown> });
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return logger;
}

export interface HarnessOptions {
  config?: z.input<typeof outboundConfig>;
  /** DNS; by default remote.test has one MX, the server at 127.0.0.1. */
  zone?: Zone;
  message?: string | Buffer;
  known?: Parameters<typeof fakeDirectory>[0];
  localResults?: () => Partial<storage.DeliverResponse_Result>[] | undefined;
}

/** The sender of the queue on fakes of everything but the network, which is loopback. Ends with the test. */
export function harness(options: HarnessOptions = {}) {
  const clock = { now: 1_700_000_000_000 };
  const queue = new FakeQueue(clock);
  const events = new FakeEvents();
  const log: LogLine[] = [];
  const deliveries: LocalDelivery[] = [];
  const message = Buffer.from(options.message ?? MESSAGE);
  const config = outboundConfig.parse({ 'allow-private-addresses': true, ...options.config });
  const outbound = createOutbound({
    config,
    node: { id: 'n1', incarnation: 1, hostname: 'stoa.example.test', demo: false },
    queue: queue.client,
    blobs: fakeBlobs(() => message),
    directory: fakeDirectory(options.known ?? {}),
    mail: fakeMail(deliveries, options.localResults ?? (() => undefined)),
    events,
    logger: recordingLogger(log),
    now: () => clock.now,
    random: randomBytes,
    resolver: fakeResolver(
      options.zone ?? {
        mx: { 'remote.test': [{ exchange: 'mx.remote.test', priority: 10 }] },
        addresses: { 'mx.remote.test': ['127.0.0.1'] },
      },
    ),
  });
  onTestFinished(() => outbound.stop());
  return {
    clock,
    queue,
    events,
    log,
    deliveries,
    outbound,
    /** Queues the message; a string stands for a recipient. */
    add(
      recipients: readonly (string | Partial<storage.QueueRecipient>)[] = ['bob@remote.test'],
      fields: Partial<Omit<storage.QueueEntry, 'recipients'>> = {},
    ) {
      const full = recipients.map((one) => (typeof one === 'string' ? { address: one } : one));
      return queue.add({ size: message.length, ...fields }, full);
    },
    /** Sends what is due and waits for so many results in all. */
    async run(reports = 1) {
      outbound.start();
      events.publish({ $case: 'queueReady', value: { domain: '' } });
      await queue.reported(reports);
    },
  };
}

/** A scripted server that ends with the test. */
export async function server(options: FakeServerOptions = {}): Promise<FakeServer> {
  const started = await FakeServer.listen(options);
  onTestFinished(() => started.close());
  return started;
}

/** Two servers at one port, and DNS that names them in this order. */
export async function twoServers(first: FakeServerOptions, second: FakeServerOptions = {}) {
  const a = await server({ host: '127.0.0.1', ...first });
  const b = await server({ host: '127.0.0.2', port: a.port, ...second });
  const zone: Zone = {
    mx: {
      'remote.test': [
        { exchange: 'second.remote.test', priority: 20 },
        { exchange: 'first.remote.test', priority: 10 },
      ],
    },
    addresses: { 'first.remote.test': ['127.0.0.1'], 'second.remote.test': ['127.0.0.2'] },
  };
  return { a, b, zone, port: a.port };
}
