import { SpanStatusCode, trace } from '@opentelemetry/api';
import { hasCode, StoaError, toStoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import type { Clock } from './clock.ts';
import { type HeldLease, LeaseHolder, type Maintenance } from './lease.ts';
import type { RolesMetrics } from './metrics.ts';
import type { Role } from './role.ts';
import { Wishes } from './wishes.ts';

export interface RunnerOptions {
  role: Role;
  shard: number;
  maintenance: Maintenance;
  /** Node id and incarnation: a node that starts anew is another owner. */
  owner: string;
  leaseMs: number;
  /** How long wishes for accounts gather before a run. */
  gatherMs: number;
  clock: Clock;
  logger: Logger;
  metrics: RolesMetrics;
  /** This node has the role now, or not any more. */
  onOwner?: () => void;
}

export interface RunnerStatus {
  owner: boolean;
  lastRunAt: number;
  /** 0 while another node has the role. */
  nextRunAt: number;
  lastError: string;
  lastResult: string;
}

/** First and longest pause after failures. */
const BACK_OFF_MIN_MS = 1_000;
const BACK_OFF_MAX_MS = 5 * 60_000;

/** A run that reports no progress for so long is given up. */
const STALL_MS = 10 * 60_000;

/** Runs about everything that were asked for because events were missed come no closer together. */
const SWEEP_PAUSE_MS = 30_000;

/**
 * Does one shard of one role while this node holds its lease: on its schedule, when mailboxes changed, and when asked. Runs
 * never overlap. Who gets the role does all of it once, so what the owner before left undone is done.
 */
export class RoleRunner {
  readonly #options: RunnerOptions;
  readonly #holder: LeaseHolder;
  readonly #wishes = new Wishes();
  readonly #stop = new AbortController();
  #cancelTimer: () => void = () => {};
  #running: Promise<unknown> | undefined;
  #asked: Promise<string> | undefined;
  #failures = 0;
  /** Why the lease can be neither taken nor renewed. */
  #trouble: StoaError | undefined;
  #lastSweepAt = Number.NEGATIVE_INFINITY;
  /** When the next run about all is due. */
  #sweepDueAt = Number.POSITIVE_INFINITY;
  #status: Omit<RunnerStatus, 'owner'> = { lastRunAt: 0, nextRunAt: 0, lastError: '', lastResult: '' };

  constructor(options: RunnerOptions) {
    const { role, shard, maintenance, owner, leaseMs, clock, logger, metrics, onOwner = () => {} } = options;
    const labels = { role: role.name };
    this.#options = options;
    this.#holder = new LeaseHolder({
      maintenance,
      name: `role/${role.name}/${shard}`,
      owner,
      ttlMs: leaseMs,
      clock,
      onGained: () => {
        metrics.owned.add(1, labels);
        logger.info({ role: role.name, shard }, 'this node has the role');
        this.#failures = 0;
        this.#dueIn(Math.min(role.firstRunMs, role.intervalMs) * clock.random());
        this.#plan();
        onOwner();
      },
      onLost: (cause) => {
        metrics.owned.add(-1, labels);
        metrics.lost.add(1, labels);
        logger.warn({ role: role.name, shard, error: cause }, 'this node lost the role');
        this.#rest();
        onOwner();
      },
      onTrouble: (error) => {
        if (error !== undefined && this.#trouble === undefined) {
          logger.warn({ role: role.name, shard, error }, 'the lease of a role can be neither taken nor renewed');
        }
        this.#trouble = error;
      },
    });
  }

  get name(): string {
    return this.#options.role.name;
  }

  get shard(): number {
    return this.#options.shard;
  }

  get shardCount(): number {
    return this.#options.role.shards.count;
  }

  /** Whether changes of mailboxes concern it. */
  get followsMailboxes(): boolean {
    return this.#options.role.followsMailboxes;
  }

  get status(): RunnerStatus {
    const trouble = this.#trouble === undefined ? {} : { lastError: describe(this.#trouble) };
    return { owner: this.#holder.held !== undefined, ...this.#status, ...trouble };
  }

  start(): void {
    this.#holder.start();
  }

  /** Ends a run that is under way, and gives the role back. */
  async stop(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(new StoaError('cancelled', 'the node stops'));
    this.#rest();
    await this.#running;
    const held = this.#holder.held !== undefined;
    await this.#holder.stop();
    if (!held) return;
    this.#options.metrics.owned.add(-1, { role: this.name });
    this.#options.onOwner?.();
  }

  /** Asks for a run about an account, soon. Nothing where another node has the role: that one hears of it. */
  wish(accountId: string): void {
    if (this.#holder.held === undefined) return;
    this.#wishes.add(accountId);
    this.#plan();
  }

  /** Events were missed: asks for a run about all, soon. */
  sweep(): void {
    if (this.#holder.held === undefined) return;
    const { clock, gatherMs } = this.#options;
    this.#dueIn(Math.max(gatherMs, this.#lastSweepAt + SWEEP_PAUSE_MS - clock.now()));
    this.#plan();
  }

  /** Whether this node has the role now, after it tried to get it. */
  async tryToOwn(): Promise<boolean> {
    if (this.#holder.held === undefined && !this.#stop.signal.aborted) await this.#holder.contend();
    return this.#holder.held !== undefined;
  }

  /** Does all the work now, after a run that is under way. Rejects with `conflict` when another node has the role. */
  run(): Promise<string> {
    this.#asked ??= this.#runAsked().finally(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  }

  async #runAsked(): Promise<string> {
    while (this.#running !== undefined) await this.#running;
    return this.#run([]);
  }

  /** A run about all is due then, or earlier if it is already. */
  #dueIn(ms: number): void {
    this.#sweepDueAt = Math.min(this.#sweepDueAt, Math.round(this.#options.clock.now() + ms));
  }

  /** Sets the timer for what is due next. A run that is under way does so when it ends. */
  #plan(): void {
    if (this.#stop.signal.aborted || this.#running !== undefined || this.#holder.held === undefined) return;
    const { clock, gatherMs } = this.#options;
    const now = clock.now();
    const earliest = now + (this.#failures > 0 ? this.#backOff() : 0);
    const wished = this.#wishes.any ? now + gatherMs : Number.POSITIVE_INFINITY;
    const at = Math.max(earliest, Math.min(this.#sweepDueAt, wished));
    const { nextRunAt } = this.#status;
    if (nextRunAt !== 0 && nextRunAt <= at) return;
    this.#cancelTimer();
    this.#status.nextRunAt = at;
    this.#cancelTimer = clock.after(at - now, () => {
      this.#status.nextRunAt = 0;
      const accounts = clock.now() >= this.#sweepDueAt ? [] : this.#wishes.take();
      this.#run(accounts).catch(() => {});
    });
  }

  #rest(): void {
    this.#cancelTimer();
    this.#status.nextRunAt = 0;
    this.#sweepDueAt = Number.POSITIVE_INFINITY;
    this.#wishes.clear();
  }

  #backOff(): number {
    return Math.min(BACK_OFF_MAX_MS, BACK_OFF_MIN_MS * 2 ** (this.#failures - 1), this.#options.role.intervalMs);
  }

  async #run(accountIds: readonly string[]): Promise<string> {
    const lease = this.#holder.held;
    if (lease === undefined || this.#stop.signal.aborted) {
      throw new StoaError('conflict', `another node has the role ${this.name}`);
    }
    this.#cancelTimer();
    this.#status.nextRunAt = 0;
    const run = this.#runUnder(lease, accountIds);
    this.#running = run.catch(() => {});
    try {
      return await run;
    } finally {
      this.#running = undefined;
      this.#plan();
    }
  }

  async #runUnder(lease: HeldLease, accountIds: readonly string[]): Promise<string> {
    const { role, shard, clock, logger, metrics } = this.#options;
    const started = clock.now();
    if (accountIds.length === 0) {
      this.#lastSweepAt = started;
      this.#wishes.clear();
      this.#sweepDueAt = Math.round(started + role.intervalMs * (1 + role.jitter * (2 * clock.random() - 1)));
    }
    const labels = { role: role.name };
    try {
      const result = await this.#traced(() => this.#work(lease, accountIds));
      this.#failures = 0;
      Object.assign(this.#status, { lastRunAt: started, lastError: '', lastResult: result });
      metrics.runs.add(1, { ...labels, result: 'done' });
      metrics.duration.record((clock.now() - started) / 1000, labels);
      logger.debug({ role: role.name, shard, result }, 'a role ran');
      return result;
    } catch (error) {
      const failure = toStoaError(error);
      metrics.runs.add(1, { ...labels, result: failure.code });
      if (this.#stop.signal.aborted) throw failure;
      // What it was about is not forgotten; the next run is about all.
      if (!lease.signal.aborted) this.#sweepDueAt = clock.now();
      if (hasCode(failure, 'conflict')) void this.#holder.contend();
      this.#failures += 1;
      Object.assign(this.#status, { lastRunAt: started, lastError: describe(failure) });
      logger.warn({ role: role.name, shard, error: failure }, 'a run of a role failed');
      throw failure;
    }
  }

  async #work(lease: HeldLease, accountIds: readonly string[]): Promise<string> {
    const { role, shard, maintenance, clock } = this.#options;
    const stall = new AbortController();
    let cancel: () => void = () => {};
    const progress = () => {
      cancel();
      cancel = clock.after(STALL_MS, () =>
        stall.abort(new StoaError('deadline-exceeded', `no progress for ${STALL_MS / 60_000} minutes`)),
      );
    };
    progress();
    const { count } = role.shards;
    const partition = count > 1 ? { index: shard, count } : undefined;
    const signal = AbortSignal.any([lease.signal, stall.signal, this.#stop.signal]);
    try {
      return await role.run({ maintenance, fence: lease.fence, partition, signal, accountIds, progress });
    } catch (error) {
      // A call that is called off says only that it was.
      throw signal.aborted ? signal.reason : error;
    } finally {
      cancel();
    }
  }

  #traced(run: () => Promise<string>): Promise<string> {
    const options = { root: true, attributes: { 'stoa.shard': this.shard } };
    return trace.getTracer('@stoa/service-roles').startActiveSpan(`role ${this.name}`, options, async (span) => {
      try {
        return await run();
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: toStoaError(error).code });
        throw error;
      } finally {
        span.end();
      }
    });
  }
}

function describe(error: StoaError): string {
  return `${error.code}: ${error.message}`;
}
