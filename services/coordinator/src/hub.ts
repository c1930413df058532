import { coordinator } from '@stoa/contracts';
import { type Bus, StoaError, toStoaError } from '@stoa/plugin-sdk';
import type { Logger, NodeInfo } from '@stoa/service-kit';
import { Admission } from './admission.ts';
import type { Clock } from './clock.ts';
import { type Received, readEnvelope } from './envelope-reader.ts';
import { LogLimiter } from './log-limiter.ts';
import { Membership, type MembershipChange, stateName } from './membership.ts';
import { createMetrics, observe, type SkipCause } from './metrics.ts';
import { Outbox } from './outbox.ts';
import { Reception } from './reception.ts';
import { SequenceWatch } from './sequence-watch.ts';
import { COMMON_STREAM, type Interest } from './streams.ts';
import { gapItem, type Item } from './subscriber.ts';
import { Subscribers } from './subscribers.ts';
import { traceReceive } from './tracing.ts';

export interface HubOptions {
  bus: Bus;
  /** Of the common stream; those of mailbox events have a suffix more. */
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

/** What is skipped is counted each time, and logged once in so many milliseconds for each cause. */
const LOG_INTERVAL_MS = 60_000;

/**
 * Between the services of this node and the bus: hands over what goes out, watches what comes in, keeps the membership.
 * Mailbox events travel on streams of their own, of which this node listens to those that its subscribers need.
 *
 * Events of this node reach its own subscribers straight from `publish`, whatever the bus does; the copy that the bus brings
 * back is dropped. So they arrive exactly once, and also while the bus is away. Those of other nodes come through the bus.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #metrics = createMetrics();
  readonly #outbox: Outbox;
  readonly #sequences = new SequenceWatch();
  readonly #membership: Membership;
  readonly #admission: Admission;
  readonly #reception: Reception;
  readonly #subscribers: Subscribers;
  readonly #log: LogLimiter;
  #stopObserving: () => void = () => {};
  #confirming: Promise<void> | undefined;
  /** When the last heartbeat fell due, to notice that this process stood still. */
  #lastTurn: number | undefined;
  #stopHeartbeat: () => void = () => {};
  #beating: object | undefined;
  #state: 'new' | 'running' | 'left' | 'stopped' = 'new';
  /** How much had been numbered with the goodbye. */
  #leftAt = 0;

  constructor(options: HubOptions) {
    const { bus, topic, node, clock, logger, instance } = options;
    this.#options = options;
    this.#outbox = new Outbox({
      bus,
      topic,
      sender: { clusterId: node.clusterId, nodeId: node.id, incarnation: node.incarnation },
      clock,
      metrics: this.#metrics,
      connected: () => this.connected,
      onSkip: (reason, count) => this.#skip(reason, count),
    });
    this.#membership = new Membership(options);
    this.#log = new LogLimiter(clock.now, LOG_INTERVAL_MS);
    this.#admission = new Admission({
      self: { nodeId: node.id, incarnation: node.incarnation, instance },
      clock,
      logger,
      send: (fields) => this.#sendUncounted(fields),
      onExpelled: () => this.#expelled(),
    });
    this.#reception = new Reception({
      bus,
      topic,
      clock,
      logger,
      silenceMs: options.deadAfterMs,
      onMessage: (stream, payload) => this.#receive(stream, payload),
      onStanding: (streams) => this.#subscribers.pushGap('', 'the events come from now on', streams),
      onLost: (reason) => this.#busLost(reason),
      onBack: () => this.#busBack(),
      onReadAnew: (reason) => this.#gap('', reason),
    });
    this.#subscribers = new Subscribers({
      disconnected: () => !this.#reception.complete,
      opened: () => {
        this.#metrics.subscribers.add(1);
        this.#listen();
      },
      closed: () => {
        this.#metrics.subscribers.add(-1);
        this.#listen();
      },
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
    this.#stopObserving = observe({
      connected: () => this.connected,
      streams: () => this.#reception.size,
      members: () => this.members,
    });
    try {
      await this.#reception.open();
      this.#listen();
      if (!this.#reception.subscribed) {
        const message = 'the bus is away';
        if (requireBus) throw new StoaError('unavailable', `${message}, and coordinator.require-bus is set`);
        logger.warn({}, `${message}: the node starts without it, and joins the cluster when the bus is there`);
      }
      const asks = this.#reception.subscribed;
      await this.#admission.join(asks ? joinWaitMs : 0, heartbeatMs);
      if (!asks && joinWaitMs > 0) {
        this.#admission.doubt();
        if (this.#reception.subscribed) this.#confirm();
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
    this.#leftAt = this.#outbox.count;
    await farewell;
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    await this.leave();
    // Shows what was published since, and may have been lost.
    if (this.#state === 'left' && this.#leftAt > 0 && this.#outbox.count > this.#leftAt) await this.#beat(true);
    this.#state = 'stopped';
    this.#stopObserving();
    this.#outbox.close();
    this.#subscribers.close();
    await this.#reception.close();
  }

  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Whether events of other nodes come now. */
  get connected(): boolean {
    return this.#reception.connected;
  }

  get members(): coordinator.Member[] {
    return this.#membership.list();
  }

  /** Sessions of a process that subscribes to this coordinator. */
  setSessions(subscriber: string, sessions: number): void {
    this.#subscribers.setSessions(subscriber, sessions);
  }

  /** What a process that subscribes to this coordinator needs from now on. It hears a gap of what is new when that comes. */
  setInterest(subscriber: string, interest: Interest): void {
    const flows = (stream: number) => this.#reception.stands(stream);
    if (this.#subscribers.setInterest(subscriber, interest, flows)) this.#listen();
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
    return this.#reception.degraded;
  }

  /**
   * Publishes events to every node. Rejects with `unavailable` or `deadline-exceeded` when the bus did not take them; the
   * other nodes then learn of a gap, but after the stop, when nobody learns of anything.
   */
  async publish(events: readonly coordinator.Event[]): Promise<void> {
    if (this.stopped) throw new StoaError('unavailable', 'the coordinator has stopped');
    const known = events.filter((event) => event.kind !== undefined);
    if (known.some((event) => event.kind?.$case === 'heartbeat')) {
      throw new StoaError('invalid-argument', 'heartbeats are sent by the coordinator alone');
    }
    if (known.length > 0) this.#subscribers.deliver(this.#options.node.id, known);
    await this.#outbox.publish(events);
  }

  subscribe(
    subscriber: string,
    services: readonly string[],
    signal: AbortSignal,
    interest: Interest = 'all',
  ): AsyncGenerator<Item> {
    const first: Item[] = [{ item: { $case: 'ready', value: {} } }];
    if (!this.#reception.complete) first.push(gapItem('', 'the bus is not connected', true));
    return this.#subscribers.open({ name: subscriber, services, interest }, first, signal);
  }

  /** Listens to what the subscribers need. */
  #listen(): void {
    if (this.#state === 'running' || this.#state === 'left') this.#reception.want(this.#subscribers.streams);
  }

  #receive(stream: number, payload: Uint8Array): void {
    const { node, clock } = this.#options;
    // What waited while this process stood still must find it knowing that.
    this.#noticePause();
    // What this node said itself was delivered when it said it. Only on the common stream it hears itself, to know that the bus is there.
    if (stream !== COMMON_STREAM && this.#outbox.sent(payload)) return;
    const received = readEnvelope(payload, node.clusterId);
    if (typeof received === 'string') {
      this.#skip(received);
      return;
    }
    if (received.stream !== stream) {
      this.#skip('foreign-bytes');
      return;
    }
    if (received.newerVersion !== undefined) this.#skip('newer-version');
    if (received.unknownEvents > 0) this.#skip('unknown-event', received.unknownEvents);
    const { nodeId, incarnation, sequence } = received;
    const heartbeat = stream === COMMON_STREAM ? lastHeartbeat(received.events) : undefined;
    const isNamesake = nodeId === node.id;
    if (isNamesake) {
      if (heartbeat !== undefined) this.#admission.heard(incarnation, heartbeat);
      if (heartbeat?.instance === this.#options.instance) this.#reception.echoed(clock.now());
      // What this node said itself was delivered when it said it.
      if (incarnation === node.incarnation) return;
    }
    if (sequence === 0) return;
    const verdict = this.#sequences.see(nodeId, incarnation, sequence, stream);
    if (!verdict.take) {
      this.#skip('duplicate');
      return;
    }
    this.#watchClock(received);
    if (heartbeat?.refused === true) this.#membership.refuse(nodeId, incarnation);
    else if (!isNamesake || this.#admission.refusal !== undefined) {
      this.#report(this.#membership.heard(nodeId, incarnation, heartbeat, clock.now()));
    }
    if (verdict.gap !== undefined) this.#gap(nodeId, verdict.gap, verdict.ofAll ? [] : [stream]);
    if (heartbeat !== undefined) this.#compare(nodeId, incarnation, heartbeat, verdict.gap !== undefined);
    const events = received.events.filter((event) => event.kind?.$case !== 'heartbeat');
    if (events.length === 0) return;
    this.#metrics.received.add(events.length);
    traceReceive(events, nodeId);
    this.#subscribers.deliver(nodeId, events, payload.length * 4);
  }

  /** The loss of the last envelope of a stream shows by what the heartbeat says of that stream. */
  #compare(nodeId: string, incarnation: number, heartbeat: coordinator.Heartbeat, forgiven: boolean): void {
    const behind = this.#sequences.announce(nodeId, incarnation, heartbeat.positions, {
      listens: (stream) => this.#reception.stands(stream),
      last: heartbeat.leaving,
      forgiven,
    });
    if (behind.length > 0) this.#gap(nodeId, 'the last envelopes are missing', behind);
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
    this.#membership.listeningAgain(this.#options.clock.now());
    if (this.#admission.returning) this.#confirm();
    // The others hear at once that this node is back, and whether they missed something of it.
    if (this.#beating === undefined && this.#admission.joined) void this.#beat(false);
  }

  #gap(nodeId: string, reason: string, streams: readonly number[] = []): void {
    const scope = streams.length > 0 ? 'stream' : nodeId === '' ? 'bus' : 'node';
    this.#metrics.gaps.add(1, { scope });
    if (streams.length > 0) this.#subscribers.pushGap(nodeId, reason, streams);
    else this.#subscribers.push(gapItem(nodeId, reason, nodeId === '' && !this.#reception.complete));
  }

  /** Something of this node did not come here: its own subscribers are told, and the others see it by the numbers. */
  #missed(events: number, reason: string): void {
    if (this.#state !== 'running' && this.#state !== 'left') return;
    this.#metrics.lost.add(events);
    this.#warn('missed', { reason, events }, 'events of this node may be lost');
    this.#outbox.leaveHole();
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
    this.#reception.expectFrom(now);
    this.#gap('', 'the process stood still');
    if (joinWaitMs === 0) return;
    this.#admission.doubt();
    if (this.#reception.subscribed && this.#admission.returning) this.#confirm();
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
    this.#reception.look(this.#lastTurn);
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
    try {
      await this.#outbox.beat(heartbeat);
    } catch (error) {
      this.#warn('heartbeat', { error: toStoaError(error) }, 'the bus did not take a heartbeat');
    } finally {
      if (this.#beating === turn) this.#beating = undefined;
    }
  }

  #sendUncounted(fields: Partial<coordinator.Heartbeat>): void {
    this.#outbox.probe(this.#describe(fields)).catch((error: unknown) => {
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
    const none = { leaving: false, joining: false, answers: '', refused: false, positions: [] };
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

function lastHeartbeat(events: readonly coordinator.Event[]): coordinator.Heartbeat | undefined {
  for (let i = events.length - 1; i >= 0; i--) {
    const kind = events[i]?.kind;
    if (kind?.$case === 'heartbeat') return kind.value;
  }
  return undefined;
}
