import { coordinator } from '@stoa/contracts';
import { type Bus, StoaError, toStoaError } from '@stoa/plugin-sdk';
import type { Logger, NodeInfo } from '@stoa/service-kit';
import { Admission } from './admission.ts';
import { BusLine } from './bus-line.ts';
import type { Clock } from './clock.ts';
import { type Received, readEnvelope } from './envelope-reader.ts';
import { EnvelopeWriter } from './envelope-writer.ts';
import { LogLimiter } from './log-limiter.ts';
import { Membership, type MembershipChange, stateName } from './membership.ts';
import { createMetrics, type SkipCause } from './metrics.ts';
import { SequenceWatch } from './sequence-watch.ts';
import { gapItem, type Item } from './subscriber.ts';
import { Subscribers } from './subscribers.ts';
import { tracePublish, traceReceive } from './tracing.ts';

export interface HubOptions {
  bus: Bus;
  topic: string;
  node: Pick<NodeInfo, 'id' | 'incarnation' | 'clusterId' | 'hostname' | 'version' | 'services'>;
  /** Random for each start. */
  instance: string;
  heartbeatMs: number;
  suspectAfterMs: number;
  deadAfterMs: number;
  /** 0 where no other process can be on the bus. */
  joinWaitMs: number;
  clock: Clock;
  logger: Logger;
}

/** Clocks of two nodes that differ by more are worth a line in the log. */
const CLOCK_SKEW_MS = 30_000;

/** What is skipped is counted each time, and logged once in so many milliseconds for each cause. */
const LOG_INTERVAL_MS = 60_000;

/**
 * Between the services of this node and the bus: numbers what goes out, watches what comes in, keeps the membership.
 *
 * Events of this node reach its own subscribers straight from `publish`, whatever the bus does; the copy that the bus brings
 * back is dropped. So they arrive exactly once, and also while the bus is away. Those of other nodes come through the bus.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #metrics = createMetrics();
  readonly #writer: EnvelopeWriter;
  readonly #sequences = new SequenceWatch();
  readonly #membership: Membership;
  readonly #admission: Admission;
  readonly #line: BusLine;
  readonly #subscribers: Subscribers;
  readonly #log: LogLimiter;
  #stopHeartbeat: () => void = () => {};
  #beating: AbortController | undefined;
  #state: 'new' | 'running' | 'left' | 'stopped' = 'new';
  /** Number of the envelope that said goodbye. */
  #leftAt = 0;

  constructor(options: HubOptions) {
    const { bus, topic, node, clock, logger, instance } = options;
    this.#options = options;
    this.#writer = new EnvelopeWriter(
      { clusterId: node.clusterId, nodeId: node.id, incarnation: node.incarnation },
      clock.now,
    );
    this.#membership = new Membership(options);
    this.#log = new LogLimiter(clock.now, LOG_INTERVAL_MS);
    this.#admission = new Admission({
      self: { nodeId: node.id, incarnation: node.incarnation, instance },
      clock,
      logger,
      send: (fields) => this.#sendUncounted(fields),
    });
    this.#line = new BusLine({
      bus,
      topic,
      clock,
      logger,
      onMessage: (payload) => this.#receive(payload),
      onGap: (reason) => this.#busLost(reason),
      onConnected: () => this.#busBack(),
    });
    this.#subscribers = new Subscribers({
      disconnected: () => !this.#line.connected,
      opened: () => this.#metrics.subscribers.add(1),
      closed: () => this.#metrics.subscribers.add(-1),
      overflowed: (name) => {
        this.#metrics.overflows.add(1);
        this.#warn(`slow ${name}`, { subscriber: name }, 'a subscriber is too slow and reads anew');
      },
    });
  }

  /** Joins the cluster. Rejects with `already-exists` when another process of this node id is alive. */
  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    const { joinWaitMs, heartbeatMs } = this.#options;
    try {
      await this.#line.open();
      await this.#admission.join(this.#line.connected ? joinWaitMs : 0, heartbeatMs);
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (this.#state === 'running') this.#heartbeat();
  }

  /** Tells the others that this node stops. What is published later still reaches them. */
  async leave(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'left';
    this.#stopHeartbeat();
    const { joined } = this.#admission;
    this.#admission.leave();
    // Who was refused says nothing in the name of the node that has the id.
    if (!joined) return;
    const farewell = this.#beat(true);
    this.#leftAt = this.#writer.sequence;
    await farewell;
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    await this.leave();
    // Shows what was published since, and may have been lost.
    if (this.#state === 'left' && this.#leftAt > 0 && this.#writer.sequence > this.#leftAt) await this.#beat(true);
    this.#state = 'stopped';
    this.#subscribers.close();
    await this.#line.close();
  }

  get members(): coordinator.Member[] {
    return this.#membership.list();
  }

  /** Sessions of a process that subscribes to this coordinator. */
  setSessions(subscriber: string, sessions: number): void {
    this.#subscribers.setSessions(subscriber, sessions);
  }

  async check(): Promise<void> {
    if (this.#admission.refusal !== undefined) throw this.#admission.refusal;
    await this.#line.check();
  }

  /** Publishes events to every node. Rejects when the bus did not take them; the other nodes then learn of a gap. */
  async publish(events: readonly coordinator.Event[], signal?: AbortSignal): Promise<void> {
    const known = events.filter((event) => event.kind !== undefined);
    if (known.some((event) => event.kind?.$case === 'heartbeat')) {
      throw new StoaError('invalid-argument', 'heartbeats are sent by the coordinator alone');
    }
    if (known.length > 0) this.#subscribers.deliver(this.#options.node.id, known);
    const { batches, tooLarge } = this.#writer.split(known);
    if (known.length < events.length) {
      // A service newer than this coordinator: what cannot be passed on is at least missed.
      this.#skip('unknown-event', events.length - known.length);
      this.#writer.leaveHole();
    }
    if (tooLarge > 0) {
      this.#skip('too-large-event', tooLarge);
      this.#writer.leaveHole();
    }
    if (batches.length > 0) await tracePublish(known.length, () => this.#send(batches, signal));
    if (tooLarge > 0) throw new StoaError('too-large', `${tooLarge} events do not fit into a message of the bus`);
  }

  subscribe(subscriber: string, services: readonly string[], signal: AbortSignal): AsyncGenerator<Item> {
    const first: Item[] = [{ item: { $case: 'ready', value: {} } }];
    if (!this.#line.connected) first.push(gapItem('', 'the bus is not connected', true));
    return this.#subscribers.open({ name: subscriber, services }, first, signal);
  }

  async #send(batches: readonly coordinator.Event[][], signal: AbortSignal | undefined): Promise<void> {
    const published = this.#metrics.published;
    for (const batch of batches) {
      try {
        await this.#line.publish(this.#writer.seal(batch), signal);
        published.add(batch.length, { result: 'taken' });
      } catch (error) {
        const failure = toStoaError(error);
        published.add(batch.length, { result: failure.code });
        // The hole in the numbers tells the others to read all of it anew, so the rest need not be tried.
        throw failure;
      }
    }
  }

  #receive(payload: Uint8Array): void {
    const { node, clock } = this.#options;
    const received = readEnvelope(payload, node.clusterId);
    if (typeof received === 'string') {
      this.#skip(received);
      return;
    }
    if (received.newerVersion !== undefined) this.#skip('newer-version');
    if (received.unknownEvents > 0) this.#skip('unknown-event', received.unknownEvents);
    const { nodeId, incarnation, sequence } = received;
    const heartbeat = lastHeartbeat(received.events);
    const isNamesake = nodeId === node.id;
    if (isNamesake) {
      if (heartbeat !== undefined) this.#admission.heard(incarnation, heartbeat);
      // What this node said itself was delivered when it said it.
      if (incarnation === node.incarnation) return;
    }
    if (sequence === 0) return;
    const verdict = this.#sequences.see(nodeId, incarnation, sequence);
    if (!verdict.take) {
      this.#skip('duplicate');
      return;
    }
    this.#watchClock(received);
    if (!isNamesake) this.#report(this.#membership.heard(nodeId, incarnation, heartbeat, clock.now()));
    if (verdict.gap !== undefined) this.#gap(nodeId, verdict.gap);
    const events = received.events.filter((event) => event.kind?.$case !== 'heartbeat');
    if (events.length === 0) return;
    this.#metrics.received.add(events.length);
    traceReceive(events, nodeId);
    this.#subscribers.deliver(nodeId, events, payload.length * 4);
  }

  #watchClock({ nodeId, sentAt }: Received): void {
    const skewMs = sentAt - this.#options.clock.now();
    this.#metrics.delay.record(Math.max(0, -skewMs) / 1000);
    if (Math.abs(skewMs) >= CLOCK_SKEW_MS) this.#warn(`clock ${nodeId}`, { from: nodeId, skewMs }, 'clocks differ');
  }

  #skip(reason: SkipCause, count = 1): void {
    this.#metrics.skipped.add(count, { reason });
    if (reason !== 'duplicate') this.#warn(reason, { reason }, 'a message of the bus was skipped in whole or in part');
  }

  #warn(key: string, fields: object, message: string): void {
    const suppressed = this.#log.pass(key);
    if (suppressed !== undefined) this.#options.logger.warn({ ...fields, suppressed }, message);
  }

  #busLost(reason: string): void {
    this.#warn('bus lost', { reason }, 'messages of the bus may be lost');
    this.#gap('', reason);
  }

  #busBack(): void {
    this.#membership.listeningAgain(this.#options.clock.now());
    this.#gap('', 'the bus is connected');
    // The others hear at once that this node is back, and whether they missed something of it.
    if (this.#beating === undefined && this.#admission.joined) void this.#beat(false);
  }

  #gap(nodeId: string, reason: string): void {
    this.#metrics.gaps.add(1, { scope: nodeId === '' ? 'bus' : 'node' });
    this.#subscribers.push(gapItem(nodeId, reason, nodeId === '' && !this.#line.connected));
  }

  /** Says that this node is alive, now and again every interval, and looks who else is. */
  #heartbeat(): void {
    const { clock, heartbeatMs } = this.#options;
    this.#stopHeartbeat = clock.after(heartbeatMs, () => this.#heartbeat());
    this.#report(this.#membership.tick(clock.now(), this.#line.connected));
    void this.#beat(false);
  }

  /** A heartbeat that does not get through is missed by the others, which is what it is for. */
  async #beat(leaving: boolean): Promise<void> {
    const { node, clock, deadAfterMs } = this.#options;
    const heartbeat = this.#describe({ leaving });
    this.#report(this.#membership.heard(node.id, node.incarnation, heartbeat, clock.now()));
    if (this.#beating !== undefined && !leaving) return;
    const beating = new AbortController();
    const cancel = clock.after(deadAfterMs, () => beating.abort(new StoaError('deadline-exceeded', 'the bus is slow')));
    this.#beating = beating;
    try {
      await this.#line.publish(this.#writer.seal([asEvent(heartbeat)]), beating.signal);
    } catch (error) {
      this.#warn('heartbeat', { error: toStoaError(error) }, 'the bus did not take a heartbeat');
    } finally {
      cancel();
      if (this.#beating === beating) this.#beating = undefined;
    }
  }

  #sendUncounted(fields: Partial<coordinator.Heartbeat>): void {
    this.#line.publish(this.#writer.sealUncounted([asEvent(this.#describe(fields))])).catch((error: unknown) => {
      this.#warn(
        'probe',
        { error: toStoaError(error) },
        'the bus did not take the question whether the node id is free',
      );
    });
  }

  #describe(fields: Partial<coordinator.Heartbeat>): coordinator.Heartbeat {
    const { node, instance } = this.#options;
    const services = [...new Set([...node.services, ...this.#subscribers.services])].sort();
    const { version, hostname: host } = node;
    const sessions = this.#subscribers.sessions;
    return { services, version, host, sessions, leaving: false, joining: false, answers: '', instance, ...fields };
  }

  #report(changes: readonly MembershipChange[]): void {
    for (const { nodeId, from, to } of changes) {
      const state = stateName(to);
      this.#metrics.transitions.add(1, { state });
      this.#options.logger.info({ member: nodeId, from: stateName(from), to: state }, 'membership changed');
      // Its last words may have been lost with it, and no later number shows it.
      if (to === coordinator.Member_State.STATE_DEAD) this.#gap(nodeId, 'the node died');
    }
  }
}

function asEvent(heartbeat: coordinator.Heartbeat): coordinator.Event {
  return { traceParent: '', kind: { $case: 'heartbeat', value: heartbeat } };
}

function lastHeartbeat(events: readonly coordinator.Event[]): coordinator.Heartbeat | undefined {
  for (let i = events.length - 1; i >= 0; i--) {
    const kind = events[i]?.kind;
    if (kind?.$case === 'heartbeat') return kind.value;
  }
  return undefined;
}
