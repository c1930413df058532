import { metrics, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Client, roles, storage } from '@stoa/contracts';
import { StoaError, toStoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import type { Clock } from './clock.ts';
import { takeLease } from './lease.ts';
import type { Role } from './role.ts';

export interface RunnerOptions {
  role: Role;
  shard: number;
  maintenance: Client<typeof storage.MaintenanceServiceDefinition>;
  /** Node id and incarnation: a node that starts anew is another owner. */
  owner: string;
  leaseMs: number;
  /** How long wishes for accounts gather before a run. */
  gatherMs: number;
  clock: Clock;
  logger: Logger;
}

/** Accounts that wait for a run, at most; beyond it the next run is about all. */
const ACCOUNTS_LIMIT = 10_000;

/** First and longest pause after failures. */
const BACK_OFF_MIN_MS = 1_000;
const BACK_OFF_MAX_MS = 5 * 60_000;

/** Does one shard of one role: on its schedule and when asked, only while this node holds the role's lease. */
export class RoleRunner {
  readonly #options: RunnerOptions;
  readonly #duration = metrics.getMeter('@stoa/service-roles').createHistogram('role_run_duration', { unit: 's' });
  readonly #stop = new AbortController();
  #cancelTimer: () => void = () => {};
  #running: Promise<string> | undefined;
  #failures = 0;
  #accounts: Set<string> | undefined = new Set();
  #gathering = false;
  #status = { owner: false, lastRunAt: 0, nextRunAt: 0, lastError: '', lastResult: '' };

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  get status(): roles.RoleStatus {
    return { name: this.#options.role.name, enabled: true, ...this.#status };
  }

  start(): void {
    // The first run comes soon, and not on all nodes at once.
    this.#schedule(Math.min(5_000, this.#options.role.intervalMs) * this.#options.clock.random());
  }

  async stop(): Promise<void> {
    this.#stop.abort(new StoaError('cancelled', 'the node stops'));
    this.#cancelTimer();
    await this.#running?.catch(() => {});
  }

  /** Asks for a run about an account, soon. */
  wish(accountId: string): void {
    this.#accounts?.add(accountId);
    if ((this.#accounts?.size ?? 0) > ACCOUNTS_LIMIT) this.#accounts = undefined;
    if (this.#gathering || this.#stop.signal.aborted) return;
    this.#gathering = true;
    this.#options.clock.after(this.#options.gatherMs, () => {
      this.#gathering = false;
      const accounts = this.#accounts === undefined ? [] : [...this.#accounts];
      this.#accounts = new Set();
      void this.run(accounts).catch(() => {});
    });
  }

  /** Runs now, after a run that is under way. Rejects with `conflict` when another node has the role. */
  async run(accountIds: readonly string[] = []): Promise<string> {
    while (this.#running !== undefined) await this.#running.catch(() => {});
    if (this.#stop.signal.aborted) throw this.#stop.signal.reason;
    this.#running = this.#runOnce(accountIds).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  #schedule(ms: number): void {
    if (this.#stop.signal.aborted) return;
    const { clock } = this.#options;
    this.#cancelTimer();
    this.#status.nextRunAt = clock.now() + ms;
    this.#cancelTimer = clock.after(ms, () => {
      this.run().then(
        () => this.#schedule(this.#options.role.intervalMs * (0.9 + clock.random() / 5)),
        () =>
          this.#schedule(
            Math.min(
              BACK_OFF_MAX_MS,
              BACK_OFF_MIN_MS * 2 ** Math.min(this.#failures, 20),
              this.#options.role.intervalMs,
            ),
          ),
      );
    });
  }

  async #runOnce(accountIds: readonly string[]): Promise<string> {
    const { role, shard, maintenance, owner, leaseMs, clock, logger } = this.#options;
    const started = clock.now();
    try {
      const lease = await takeLease(maintenance, `role/${role.name}/${shard}`, owner, leaseMs, clock);
      if (lease === undefined) throw new StoaError('conflict', `another node has the role ${role.name}`);
      this.#status.owner = true;
      try {
        const signal = AbortSignal.any([lease.signal, this.#stop.signal]);
        const result = await this.#traced(() => role.run({ maintenance, fence: lease.fence, signal, accountIds }));
        this.#failures = 0;
        this.#status = { ...this.#status, lastRunAt: started, lastError: '', lastResult: result };
        this.#duration.record((clock.now() - started) / 1000, { role: role.name });
        logger.debug({ role: role.name, shard, result }, 'a role ran');
        return result;
      } finally {
        this.#status.owner = false;
        await lease.release();
      }
    } catch (error) {
      const failure = toStoaError(error);
      if (failure.code !== 'conflict' && !this.#stop.signal.aborted) {
        this.#failures += 1;
        this.#status = { ...this.#status, lastRunAt: started, lastError: `${failure.code}: ${failure.message}` };
        logger.warn({ role: role.name, shard, error: failure }, 'a role failed and will run again');
      }
      throw failure;
    }
  }

  #traced(run: () => Promise<string>): Promise<string> {
    const { role, shard } = this.#options;
    return trace
      .getTracer('@stoa/service-roles')
      .startActiveSpan(`role ${role.name}`, { attributes: { 'stoa.shard': shard } }, async (span) => {
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
