import type { Client, storage } from '@stoa/contracts';
import type { EventClient, Logger, NodeInfo } from '@stoa/service-kit';
import { attemptEntry } from './attempt.ts';
import { SessionPool } from './client/pool.ts';
import type { OutboundConfig } from './config.ts';
import { Dispatcher } from './dispatcher.ts';
import { createOutboundMetrics } from './metrics.ts';
import { createReporter } from './report.ts';
import { ownAddresses } from './route/address-policy.ts';
import { createResolver, type DnsResolver } from './route/resolver.ts';
import { routeOf } from './route/route.ts';

export interface OutboundDeps {
  config: OutboundConfig;
  node: Pick<NodeInfo, 'id' | 'incarnation' | 'hostname' | 'demo'>;
  queue: Client<typeof storage.QueueServiceDefinition>;
  blobs: Client<typeof storage.BlobServiceDefinition>;
  directory: Client<typeof storage.DirectoryServiceDefinition>;
  mail: Client<typeof storage.MailServiceDefinition>;
  events: EventClient;
  logger: Logger;
  now(): number;
  random(octets: number): Buffer;
  /** DNS; that of the configuration by default. */
  resolver?: DnsResolver;
}

/** The sender of the outbound queue. Each function is safe to call twice, and `stop` without `start`. */
export interface Outbound {
  start(): void;
  /** Takes no more from the queue and finishes what is under way; what is not done when `signal` aborts is given back. */
  drain(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** How much longer than a delivery its lease lasts: time to record the result. */
const LEASE_MARGIN_MS = 60_000;

/** Delivers what waits in the queue: to accounts of ours, to the smarthost, or to the servers of the recipients' domains. */
export function createOutbound(deps: OutboundDeps): Outbound {
  const { config, node, queue, blobs, directory, mail, events, now, random } = deps;
  const logger = deps.logger.child({ component: 'outbound' });
  const metrics = createOutboundMetrics();
  const chance = () => random(4).readUInt32BE() / 2 ** 32;
  const resolver = deps.resolver ?? createResolver(config.resolver);
  const release = new AbortController();
  const pool = new SessionPool({
    max: config['max-idle-connections'],
    idleMs: config['idle-timeout'],
    quitMs: config.timeouts.quit,
  });
  const name = config['helo-name'] ?? node.hostname;
  const attemptDeps = {
    config,
    pool,
    metrics,
    logger,
    blobs,
    directory,
    mail,
    name,
    hostname: node.hostname,
    timeoutMs: config['delivery-timeout'],
    now,
    random,
    report: createReporter({ queue, patienceMs: LEASE_MARGIN_MS - 10_000, stopping: release.signal }),
    routeOf: (domain: string) =>
      routeOf(domain, { config, resolver, ownName: node.hostname, ownAddresses, random: chance }),
  };
  const dispatcher = new Dispatcher({
    config,
    queue,
    events,
    logger,
    worker: `${node.id}/${node.incarnation}`,
    leaseMs: config['delivery-timeout'] + LEASE_MARGIN_MS,
    now,
    random: chance,
    async attempt(entry) {
      metrics.active.add(1);
      await attemptEntry(entry, attemptDeps, release.signal).finally(() => metrics.active.add(-1));
    },
  });
  return {
    start() {
      if (config.enabled) dispatcher.start();
    },
    async drain(signal) {
      const abort = () => release.abort();
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
      try {
        await dispatcher.stop();
        await dispatcher.idle();
        await pool.close();
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
    async stop() {
      release.abort();
      await dispatcher.stop();
      await dispatcher.idle();
      await pool.close();
    },
  };
}
