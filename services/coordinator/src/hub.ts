import { coordinator } from '@stoa/contracts';
import { type Bus, StoaError, toStoaError } from '@stoa/plugin-sdk';
import type { Logger, NodeInfo } from '@stoa/service-kit';
import { Admission } from './admission.ts';
import { BusLine } from './bus-line.ts';
import type { Clock } from './clock.ts';
import { EchoWatch } from './echo-watch.ts';
import { type Received, readEnvelope } from './envelope-reader.ts';
import { EnvelopeWriter } from './envelope-writer.ts';
import { LogLimiter } from './log-limiter.ts';
import { Membership, type MembershipChange, stateName } from './membership.ts';
import { createMetrics, observe, type SkipCause } from './metrics.ts';
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
  /** The start fails while the bus is away. */
  requireBus?: boolean;
  clock: Clock;
  logger: Logger;
}

/** Clocks of two nodes that differ by more are worth a line in the log. */
const CLOCK_SKEW_MS = 30_000;

/** How long the bus may take for one message. Shorter than the publishers wait for this coordinator. */
const BUS_TIMEOUT_MS = 2_000;

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
  readonly #echo: EchoWatch;
  #stopObserving: () => void = () => {};
  #confirming: Promise<void> | undefined;
  /** When the last heartbeat fell due, to notice that this process stood still. */
  #lastTurn: number | undefined;
  #stopHeartbeat: () => void = () => {};
  #beating: object | undefined;
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
      onExpelled: () => this.#expelled(),
    });
    this.#echo = new EchoWatch(options.deadAfterMs);
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
      disconnected: () => !this.connected,
      opened: () => this.#metrics.subscribers.add(1),
      closed: () => this.#metrics.subscribers.add(-1),
      overflowed: (name) => {
        this.#metrics.overflows.add(1);
        this.#warn(`slow ${name}`, { subscriber: name }, 'a subscriber is too slow and reads anew');
      },
      broken: (name) => this.#missed(0, `a process of this node is gone: ${name}`),
    });
  }

  /** Joins the cluster. Rejects with `already-exists` when another process of this node id is alive. */
  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    const { joinWaitMs, heartbeatMs, logger, requireBus = false } = this.#options;
    this.#stopObserving = observe({ connected: () => this.connected, members: () => this.members });
    try {
      await this.#line.open();
      if (!this.#line.connected) {
        const message = 'the bus is away';
        if (requireBus) throw new StoaError('unavailable', `${message}, and coordinator.require-bus is set`);
        logger.warn({}, `${message}: the node starts without it, and joins the cluster when the bus is there`);
      }
      const asks = this.#line.connected;
      await this.#admission.join(asks ? joinWaitMs : 0, heartbeatMs);
      if (!asks && joinWaitMs > 0) {
        this.#admission.doubt();
        if (this.#line.connected) this.#confirm();
      }
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
    this.#stopObserving();
    this.#subscribers.close();
    await this.#line.close();
  }

  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Whether events of other nodes come now. */
  get connected(): boolean {
    return this.#line.connected && !this.#echo.silent;
  }

  get members(): coordinator.Member[] {
    return this.#membership.list();
  }

  /** Sessions of a process that subscribes to this coordinator. */
  setSessions(subscriber: string, sessions: number): void {
    this.#subscribers.setSessions(subscriber, sessions);
  }

  /** A process that subscribes to this coordinator takes no new clients any more, or has none left. */
  setDraining(subscriber: string, drained: boolean): void {
    this.#subscribers.setDraining(subscriber, drained);
  }

  /** A process that subscribes to this coordinator stops, and has handed over all that it had. */
  subscriberLeaves(subscriber: string): void {
    this.#subscribers.leaves(subscriber);
  }

  /** Events of this node were lost on their way here: everybody who hears this node is to read anew. */
  lost(events: number, subscriber: string): void {
    this.#missed(events, `events of ${subscriber} were lost`);
  }

  /** Rejects when this node may not be in the cluster. Without the bus it works, so that is for `degraded` to say. */
  async check(): Promise<void> {
    if (this.#admission.refusal !== undefined) throw this.#admission.refusal;
  }

  /** What is missing though the node works. */
  get degraded(): string | undefined {
    if (this.connected) return undefined;
    return this.#line.connected ? 'the bus brings nothing' : 'the bus is not connected';
  }

  /**
   * Publishes events to every node. Rejects with `unavailable` or `deadline-exceeded` when the bus did not take them; the
   * other nodes then learn of a gap, but after the stop, when nobody learns of anything.
   */
  async publish(events: readonly coordinator.Event[], signal?: AbortSignal): Promise<void> {
    if (this.stopped) throw new StoaError('unavailable', 'the coordinator has stopped');
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
    if (!this.connected) first.push(gapItem('', 'the bus is not connected', true));
    return this.#subscribers.open({ name: subscriber, services }, first, signal);
  }

  async #send(batches: readonly coordinator.Event[][], signal: AbortSignal | undefined): Promise<void> {
    const published = this.#metrics.published;
    for (const batch of batches) {
      try {
        // The subscribers of this node do not wait for a bus that is known to be away.
        if (!this.connected) {
          this.#writer.leaveHole();
          throw new StoaError('unavailable', 'the bus is away');
        }
        const payload = this.#writer.seal(batch);
        await this.#inTime((late) =>
          this.#line.publish(payload, signal === undefined ? late : AbortSignal.any([signal, late])),
        );
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
    // What waited while this process stood still must find it knowing that.
    this.#noticePause();
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
      if (heartbeat?.instance === this.#options.instance && this.#echo.heard(clock.now())) this.#busBack();
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
    if (heartbeat?.refused === true) this.#membership.refuse(nodeId, incarnation);
    else if (!isNamesake || this.#admission.refusal !== undefined) {
      this.#report(this.#membership.heard(nodeId, incarnation, heartbeat, clock.now()));
    }
    if (verdict.gap !== undefined) this.#gap(nodeId, verdict.gap);
    const events = received.events.filter((event) => event.kind?.$case !== 'heartbeat');
    if (events.length === 0) return;
    this.#metrics.received.add(events.length);
    traceReceive(events, nodeId);
    this.#subscribers.deliver(nodeId, events, payload.length * 4);
  }

  #watchClock({ nodeId, sentAt }: Received): void {
    const skewMs = sentAt - this.#options.clock.now();
    if (Math.abs(skewMs) < CLOCK_SKEW_MS) {
      this.#metrics.delay.record(Math.max(0, -skewMs) / 1000);
      return;
    }
    this.#metrics.skews.add(1);
    this.#warn(`clock ${nodeId}`, { from: nodeId, skewMs }, 'clocks differ');
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
    const now = this.#options.clock.now();
    this.#echo.expectFrom(now);
    this.#membership.listeningAgain(now);
    this.#gap('', 'the bus is connected');
    if (this.#admission.returning) this.#confirm();
    // The others hear at once that this node is back, and whether they missed something of it.
    if (this.#beating === undefined && this.#admission.joined) void this.#beat(false);
  }

  #gap(nodeId: string, reason: string): void {
    this.#metrics.gaps.add(1, { scope: nodeId === '' ? 'bus' : 'node' });
    this.#subscribers.push(gapItem(nodeId, reason, nodeId === '' && !this.connected));
  }

  /** Something of this node did not come here: its own subscribers are told, and the others see it by the numbers. */
  #missed(events: number, reason: string): void {
    if (this.#state !== 'running' && this.#state !== 'left') return;
    this.#metrics.lost.add(events);
    this.#warn('missed', { reason, events }, 'events of this node may be lost');
    this.#writer.leaveHole();
    this.#gap(this.#options.node.id, reason);
    if (this.#beating === undefined && this.#admission.joined) void this.#beat(false);
  }

  /**
   * Time passed in which this process did not run: what the bus sent may be gone, and the others took this node for dead.
   * What is cached is stale, and another process may have the node id.
   */
  #noticePause(): void {
    const { clock, deadAfterMs, joinWaitMs } = this.#options;
    const now = clock.now();
    const pausedMs = now - (this.#lastTurn ?? now);
    if (this.#state !== 'running' || pausedMs <= deadAfterMs) return;
    this.#lastTurn = now;
    this.#metrics.pauses.add(1);
    this.#options.logger.warn({ pausedMs }, 'this process stood still or its clock was set; what it knows may be old');
    this.#report(this.#membership.tick(now, this.connected));
    this.#echo.expectFrom(now);
    this.#gap('', 'the process stood still');
    if (joinWaitMs === 0) return;
    this.#admission.doubt();
    if (this.#line.connected && this.#admission.returning) this.#confirm();
  }

  /** Asks whether the node id is still this node's. */
  #confirm(): void {
    const { joinWaitMs, heartbeatMs } = this.#options;
    this.#confirming ??= this.#admission
      .confirm(joinWaitMs, heartbeatMs)
      .then((joined) => {
        if (joined) void this.#beat(false);
      })
      .finally(() => {
        this.#confirming = undefined;
      });
  }

  /** Another process has the node id. This one is no member any more, but what its services publish is still of use. */
  #expelled(): void {
    const { node, instance } = this.#options;
    this.#membership.refuse(node.id, node.incarnation);
    this.#options.logger.error({ instance }, 'this node is not in the cluster any more, and is not ready');
    void this.#beat(false);
  }

  /** Says that this node is alive, now and again every interval, and looks who else is. */
  #heartbeat(): void {
    const { clock, heartbeatMs } = this.#options;
    this.#stopHeartbeat = clock.after(heartbeatMs, () => this.#heartbeat());
    this.#noticePause();
    this.#lastTurn = clock.now();
    if (this.#line.connected && this.#echo.look(this.#lastTurn)) this.#busLost('the bus brings nothing');
    this.#report(this.#membership.tick(this.#lastTurn, this.connected));
    void this.#beat(false);
  }

  /** A heartbeat that does not get through is missed by the others, which is what it is for. */
  async #beat(leaving: boolean): Promise<void> {
    const { node, clock } = this.#options;
    const refused = this.#admission.refusal !== undefined;
    const heartbeat = this.#describe({ leaving, refused });
    if (!refused) this.#report(this.#membership.heard(node.id, node.incarnation, heartbeat, clock.now()));
    // Who does not know whether the id is still its own does not speak in its name.
    if (!leaving && (this.#beating !== undefined || this.#admission.returning)) return;
    const turn = {};
    this.#beating = turn;
    const payload = this.#writer.seal([asEvent(heartbeat)]);
    try {
      await this.#inTime((late) => this.#line.publish(payload, late));
    } catch (error) {
      this.#warn('heartbeat', { error: toStoaError(error) }, 'the bus did not take a heartbeat');
    } finally {
      if (this.#beating === turn) this.#beating = undefined;
    }
  }

  /** Gives up on a bus that neither takes nor refuses. */
  async #inTime(run: (late: AbortSignal) => Promise<void>): Promise<void> {
    const { clock } = this.#options;
    const limit = new AbortController();
    const cancel = clock.after(BUS_TIMEOUT_MS, () =>
      limit.abort(new StoaError('deadline-exceeded', 'the bus is slow')),
    );
    try {
      await run(limit.signal);
    } finally {
      cancel();
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
    const { sessions, draining, drained } = this.#subscribers;
    const none = { leaving: false, joining: false, answers: '', refused: false };
    return { services, version, host, sessions, draining, drained, ...none, instance, ...fields };
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
