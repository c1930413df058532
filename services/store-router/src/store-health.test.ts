import { StoaError } from '@stoa/plugin-sdk';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { StoreHealth } from './store-health.ts';

describe('the health of stores', () => {
  afterEach(() => vi.useRealTimers());

  it('names what is missing, until it is back', async () => {
    let away = true;
    const blob = {
      async check() {
        if (away) throw new StoaError('unavailable', 'bucket at 10.0.0.1: connection refused');
      },
    };
    const health = new StoreHealth([
      { kind: 'blob', store: blob },
      { kind: 'memory', store: { check: async () => {} } },
    ]);
    expect(health.degraded).toBeUndefined();
    await health.look();
    expect(health.degraded).toBe('the blob store: unavailable');
    away = false;
    await health.look();
    expect(health.degraded).toBeUndefined();
  });

  it('does not wait for a store that does not answer', async () => {
    vi.useFakeTimers();
    const silent = { check: () => new Promise<void>(() => {}) };
    const health = new StoreHealth([{ kind: 'memory', store: silent }]);
    const looked = health.look();
    await vi.advanceTimersByTimeAsync(1_500);
    await looked;
    expect(health.degraded).toBe('the memory store: deadline-exceeded');
  });
});
