import { type Client, createInProcessClient, type Implementation, storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { FakeClock } from './fake-clock.ts';

type Definition = typeof storage.MaintenanceServiceDefinition;

interface LeaseRow {
  owner: string;
  token: number;
  expiresAt: number;
}

export interface Effect {
  kind: 'collect' | 'purge' | 'index';
  owner: string;
  lease: string;
  token: number;
  accountIds: string[];
  partition: { index: number; count: number } | undefined;
}

/** MaintenanceService with leases as the store-router has them, and work whose pace the test sets. */
export class FakeMaintenance {
  readonly #clock: FakeClock;
  readonly leases = new Map<string, LeaseRow>();
  /** What was really done: one for each step that the fence let through. */
  readonly effects: Effect[] = [];
  /** Work that was refused because its token is not the lease's any more. */
  refused = 0;
  /** Makes every call fail. */
  failure: StoaError | undefined;
  /** Makes work fail, not leases. */
  workFailure: StoaError | undefined;
  /** Awaited before each step of a run. */
  gate: (step: number, signal: AbortSignal) => Promise<void> = async () => {};
  steps = 1;
  leaseCalls = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  client(): Client<Definition> {
    const implementation: Implementation<Definition> = {
      acquireLease: async ({ name, owner, ttlMs }) => {
        this.leaseCalls += 1;
        if (this.failure !== undefined) throw this.failure;
        const now = this.#clock.now();
        const held = this.leases.get(name);
        if (held !== undefined && held.owner !== owner && held.expiresAt > now) {
          throw new StoaError('conflict', `the lease ${name} is held by ${held.owner}`);
        }
        const token = held?.owner === owner ? held.token : (held?.token ?? 0) + 1;
        this.leases.set(name, { owner, token, expiresAt: now + ttlMs });
        return { token, expiresAt: now + ttlMs };
      },
      releaseLease: async ({ name, owner }) => {
        const held = this.leases.get(name);
        if (held?.owner === owner) this.leases.set(name, { owner: '', token: held.token, expiresAt: 0 });
        return {};
      },
      collectBlobs: (request, { signal }) =>
        this.#work('collect', request, [], signal, (step) => ({ examined: step, marked: 0, deleted: step })),
      purgeAccounts: (request, { signal }) =>
        this.#work('purge', request, [], signal, (step) => ({ examined: step, removedKeys: step })),
      indexMailboxes: (request, { signal }) =>
        this.#work('index', request, request.accountIds, signal, (step) => ({ mailboxes: step, messages: step })),
      getStoreStats: async () => ({}),
    };
    return createInProcessClient(storage.MaintenanceServiceDefinition, implementation);
  }

  done(kind: Effect['kind']): Effect[] {
    return this.effects.filter((effect) => effect.kind === kind);
  }

  async *#work<T>(
    kind: Effect['kind'],
    { fence, partition }: { fence?: storage.Fence | undefined; partition?: storage.Partition | undefined },
    accountIds: string[],
    signal: AbortSignal,
    report: (step: number) => T,
  ): AsyncGenerator<T> {
    if (fence === undefined) throw new StoaError('invalid-argument', 'no fence');
    for (let step = 1; step <= this.steps; step++) {
      await this.gate(step, signal);
      signal.throwIfAborted();
      const failure = this.failure ?? this.workFailure;
      if (failure !== undefined) throw failure;
      const held = this.leases.get(fence.lease);
      if (held === undefined || held.owner === '' || held.token !== fence.token) {
        this.refused += 1;
        throw new StoaError('conflict', 'the lease has another owner now', { retryable: false });
      }
      this.effects.push({ kind, owner: held.owner, lease: fence.lease, token: fence.token, accountIds, partition });
      yield report(step);
    }
  }
}
