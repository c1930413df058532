import { metrics } from '@opentelemetry/api';
import { coordinator, type DeepPartial } from '@stoa/contracts';
import { type Bus, type BusSubscription, StoaError, toStoaError } from '@stoa/plugin-sdk';
import type { Logger, NodeInfo } from '@stoa/service-kit';
import { EnvelopeReader, type Received, type SkipReason } from './envelope-reader.ts';
import { EnvelopeWriter } from './envelope-writer.ts';
import { Membership, type MembershipChange } from './membership.ts';
import { Subscriber } from './subscriber.ts';
import type { Timers } from './timers.ts';

export interface HubOptions {
  bus: Bus;
  topic: string;
  node: Pick<NodeInfo, 'id' | 'incarnation' | 'clusterId' | 'hostname' | 'version' | 'services'>;
  heartbeatMs: number;
  suspectAfterMs: number;
  deadAfterMs: number;
  /** 0 where no other process can be on the bus. */
  joinWaitMs: number;
  timers: Timers;
  logger: Logger;
  /** Sessions of this node's process. */
  sessions: () => number;
}

/** Clocks of two nodes that differ by more are worth a line in the log. */
const CLOCK_SKEW_MS = 60_000;

/** Skipped payloads are counted each, and logged once in so many milliseconds. */
const SKIP_LOG_INTERVAL_MS = 60_000;

/** Between the services of this node and the bus: numbers what goes out, watches what comes in, keeps the membership. */
export class Hub {
  readonly #options: HubOptions;
  readonly #writer: EnvelopeWriter;
  readonly #reader: EnvelopeReader;
  readonly #membership: Membership;
  readonly #subscribers = new Set<Subscriber>();
  readonly #remoteServices = new Map<Subscriber, readonly string[]>();
  readonly #skipped = metrics.getMeter('@stoa/service-coordinator').createCounter('bus_messages_skipped', {
    description: 'Messages or events on the bus that were skipped, by reason.',
  });
  readonly #gaps = metrics
    .getMeter('@stoa/service-coordinator')
    .createCounter('bus_gaps', { description: 'Possible losses on the bus.' });
  #subscription: BusSubscription | undefined;
  #stopHeartbeat: (() => void) | undefined;
  #connected = false;
  #joined = false;
  #conflict: StoaError | undefined;
  #lastSkipLog = Number.NEGATIVE_INFINITY;
  #lastSkewLog = Number.NEGATIVE_INFINITY;

  constructor(options: HubOptions) {
    const { node, timers } = options;
    this.#options = options;
    this.#writer = new EnvelopeWriter(
      { clusterId: node.clusterId, nodeId: node.id, incarnation: node.incarnation },
      timers.now,
    );
    this.#reader = new EnvelopeReader(node.clusterId);
    this.#membership = new Membership(options);
  }

  /** Joins the cluster. Rejects with `already-exists` when another node of this id is alive. */
  async start(): Promise<void> {
    const { bus, topic, timers, joinWaitMs, heartbeatMs } = this.#options;
    this.#subscription = await bus.subscribe(topic, {
      message: (payload) => this.#receive(payload),
      gap: (reason) => this.#busLost(reason),
      connected: () => this.#busBack(),
    });
    if (joinWaitMs > 0) {
      await timers.wait(joinWaitMs);
      if (this.#conflict !== undefined) {
        await this.#subscription.close();
        throw this.#conflict;
      }
    }
    this.#joined = true;
    this.#stopHeartbeat = timers.every(heartbeatMs, () => {
      this.#report(this.#membership.tick(timers.now()));
      this.#beat(false);
    });
    this.#beat(false);
  }

  async stop(): Promise<void> {
    this.#stopHeartbeat?.();
    if (this.#joined) await this.#publishQuietly([this.#heartbeat(true)]);
    this.#joined = false;
    for (const subscriber of this.#subscribers) subscriber.close();
    await this.#subscription?.close();
    this.#subscription = undefined;
  }

  get members(): coordinator.Member[] {
    return this.#membership.list();
  }

  async check(): Promise<void> {
    await this.#options.bus.check();
    if (!this.#connected) throw new StoaError('unavailable', 'the bus is not connected');
  }

  /**
   * Publishes events to every node, this one included. While the bus is down the services of this node still hear of them
   * straight away, and the error says that others did not.
   */
  async publish(events: readonly coordinator.Event[]): Promise<void> {
    const { bus, topic, node } = this.#options;
    for (const payload of this.#writer.write(events)) {
      try {
        await bus.publish(topic, payload);
      } catch (error) {
        const envelope = coordinator.Envelope.decode(payload);
        // Read like any other, so that a bus that took it after all does not bring it twice.
        const received = this.#reader.read(payload);
        if (typeof received !== 'string')
          this.#toSubscribers({ $case: 'delivery', value: { nodeId: node.id, events: envelope.events } });
        throw toStoaError(error);
      }
    }
  }

  async *subscribe(
    services: readonly string[],
    signal: AbortSignal,
  ): AsyncGenerator<DeepPartial<coordinator.SubscribeResponse>> {
    const subscriber = new Subscriber();
    this.#subscribers.add(subscriber);
    this.#remoteServices.set(subscriber, services);
    subscriber.push({ item: { $case: 'ready', value: {} } });
    if (!this.#connected)
      subscriber.push({ item: { $case: 'gap', value: { nodeId: '', reason: 'the bus is not connected' } } });
    try {
      yield* subscriber.items(signal);
    } finally {
      this.#subscribers.delete(subscriber);
      this.#remoteServices.delete(subscriber);
    }
  }

  #receive(payload: Uint8Array): void {
    const received = this.#reader.read(payload);
    if (typeof received === 'string') {
      this.#skip(received);
      return;
    }
    if (received.unknownEvents > 0) this.#skip('unknown-event', received.unknownEvents);
    const { nodeId, incarnation } = received;
    const { node, timers } = this.#options;
    if (nodeId === node.id && incarnation !== node.incarnation) this.#meetNamesake(received);
    this.#watchClock(received);
    const heartbeat = received.events
      .flatMap((event) => (event.kind?.$case === 'heartbeat' ? [event.kind.value] : []))
      .at(-1);
    this.#report(this.#membership.heard(nodeId, incarnation, heartbeat, timers.now()));
    if (received.gap !== undefined) this.#gap(nodeId, received.gap);
    const events = received.events.filter((event) => event.kind?.$case !== 'heartbeat');
    if (events.length > 0) this.#toSubscribers({ $case: 'delivery', value: { nodeId, events } });
  }

  /** Another process uses this node's id. Who is here already stays; a newcomer gives up. */
  #meetNamesake(received: Received): void {
    const { node, logger } = this.#options;
    const heartbeat = received.events.find((event) => event.kind?.$case === 'heartbeat')?.kind;
    const host = heartbeat?.$case === 'heartbeat' ? heartbeat.value.host : '';
    if (heartbeat?.$case === 'heartbeat' && heartbeat.value.leaving) return;
    const message = `the node id ${node.id} is in use${host === '' ? '' : ` on ${host}`}; every node needs its own node.id`;
    if (this.#joined) logger.error({ host, incarnation: received.incarnation }, message);
    else this.#conflict = new StoaError('already-exists', message);
  }

  #watchClock(received: Received): void {
    const now = this.#options.timers.now();
    const skewMs = received.sentAt - now;
    if (Math.abs(skewMs) < CLOCK_SKEW_MS || now - this.#lastSkewLog < SKIP_LOG_INTERVAL_MS) return;
    this.#lastSkewLog = now;
    this.#options.logger.warn({ from: received.nodeId, skewMs }, 'the clocks of two nodes differ');
  }

  #skip(reason: SkipReason, count = 1): void {
    this.#skipped.add(count, { reason });
    const now = this.#options.timers.now();
    if (reason === 'duplicate' || now - this.#lastSkipLog < SKIP_LOG_INTERVAL_MS) return;
    this.#lastSkipLog = now;
    this.#options.logger.warn({ reason }, 'a message on the bus was skipped');
  }

  #busLost(reason: string): void {
    this.#connected = false;
    this.#options.logger.warn({ reason }, 'messages on the bus may be lost');
    this.#gap('', reason);
  }

  #busBack(): void {
    const first = !this.#connected && this.#subscription === undefined;
    this.#connected = true;
    if (!first) this.#gap('', 'the bus is connected again');
  }

  #gap(nodeId: string, reason: string): void {
    this.#gaps.add(1);
    this.#toSubscribers({ $case: 'gap', value: { nodeId, reason } });
  }

  #toSubscribers(item: NonNullable<DeepPartial<coordinator.SubscribeResponse>['item']>): void {
    for (const subscriber of this.#subscribers) subscriber.push({ item });
  }

  #heartbeat(leaving: boolean): coordinator.Event {
    const { node, sessions } = this.#options;
    const services = new Set([...node.services, ...[...this.#remoteServices.values()].flat()]);
    return {
      traceParent: '',
      kind: {
        $case: 'heartbeat',
        value: {
          services: [...services].sort(),
          version: node.version,
          host: node.hostname,
          sessions: sessions(),
          leaving,
        },
      },
    };
  }

  #beat(leaving: boolean): void {
    void this.#publishQuietly([this.#heartbeat(leaving)]);
  }

  /** A heartbeat that does not get through is missed by the others, which is what it is for. */
  async #publishQuietly(events: coordinator.Event[]): Promise<void> {
    const { bus, topic, timers, node } = this.#options;
    try {
      for (const payload of this.#writer.write(events)) await bus.publish(topic, payload);
    } catch {
      // This node knows of itself without the bus.
      const kind = events[0]?.kind;
      if (kind?.$case === 'heartbeat')
        this.#report(this.#membership.heard(node.id, node.incarnation, kind.value, timers.now()));
    }
  }

  #report(changes: readonly MembershipChange[]): void {
    for (const { nodeId, from, to } of changes) {
      this.#options.logger.info({ member: nodeId, from: stateName(from), to: stateName(to) }, 'membership changed');
    }
  }
}

function stateName(state: coordinator.Member_State | undefined): string {
  const names = Object.entries(coordinator.Member_State);
  return (
    names
      .find(([, value]) => value === state)?.[0]
      .replace('STATE_', '')
      .toLowerCase() ?? 'unknown'
  );
}
