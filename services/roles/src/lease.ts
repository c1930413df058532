import type { Client, storage } from '@stoa/contracts';
import { hasCode, StoaError } from '@stoa/plugin-sdk';
import type { Clock } from './clock.ts';

type Maintenance = Client<typeof storage.MaintenanceServiceDefinition>;

/** A lease that is held: renewed until it is released, or lost. */
export interface HeldLease {
  readonly fence: { lease: string; token: number };
  /** Aborts when the lease could not be renewed in time. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

/** Takes a lease and keeps it. Undefined when another node holds it. */
export async function takeLease(
  maintenance: Maintenance,
  name: string,
  owner: string,
  ttlMs: number,
  clock: Clock,
): Promise<HeldLease | undefined> {
  let asked = clock.now();
  let token: number;
  try {
    ({ token } = await maintenance.acquireLease({ name, owner, ttlMs }, { timeoutMs: ttlMs }));
  } catch (error) {
    if (hasCode(error, 'conflict')) return undefined;
    throw error;
  }
  const controller = new AbortController();
  let stopTimer: () => void = () => {};
  let released = false;
  const lose = (cause: unknown) => controller.abort(new StoaError('conflict', `the lease ${name} was lost`, { cause }));
  const renew = async () => {
    const before = clock.now();
    try {
      const renewed = await maintenance.acquireLease({ name, owner, ttlMs }, { timeoutMs: ttlMs / 2 });
      asked = before;
      if (renewed.token !== token) return lose('taken over in between');
    } catch (error) {
      if (hasCode(error, 'conflict')) return lose(error);
      // The store may be away for a moment; the lease stands until its time is over, by the time of asking.
      if (clock.now() - asked >= ttlMs) return lose(error);
    }
    if (!released && !controller.signal.aborted) stopTimer = clock.after(ttlMs / 3, renew);
  };
  stopTimer = clock.after(ttlMs / 3, renew);
  return {
    fence: { lease: name, token },
    signal: controller.signal,
    async release() {
      released = true;
      stopTimer();
      await maintenance.releaseLease({ name, owner }, { timeoutMs: ttlMs }).catch(() => {
        // It ends by itself.
      });
    },
  };
}
