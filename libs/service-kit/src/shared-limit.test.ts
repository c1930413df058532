import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it, vi } from 'vitest';
import { SharedLimit } from './shared-limit.ts';

function open() {
  let now = 1_000_000;
  const waiting = new Set<{ at: number; run: () => void }>();
  const after = vi.fn((ms: number, run: () => void) => {
    const entry = { at: now + ms, run };
    waiting.add(entry);
    return () => void waiting.delete(entry);
  });
  const limit = new SharedLimit(2000, () => new StoaError('deadline-exceeded', 'slow'), { now: () => now, after });
  const pass = (ms: number) => {
    now += ms;
    for (const entry of waiting) {
      if (entry.at > now) continue;
      waiting.delete(entry);
      entry.run();
    }
  };
  const setBack = (ms: number) => {
    now -= ms;
  };
  return { limit, after, waiting, pass, setBack };
}

describe('a limit of time that calls share', () => {
  it('takes one timer for the calls of a quarter of a second', () => {
    const { limit, after, pass } = open();
    const first = limit.signal;
    for (let i = 0; i < 249; i++) {
      pass(1);
      expect(limit.signal).toBe(first);
    }
    pass(1);
    expect(limit.signal).not.toBe(first);
    expect(after).toHaveBeenCalledTimes(2);
  });

  it('never ends a call before its time, and each soon after', () => {
    const { limit, pass } = open();
    const first = limit.signal;
    pass(249);
    const last = limit.signal;
    pass(2000);
    expect(last.aborted).toBe(false);
    pass(1);
    expect([first.aborted, last.aborted]).toEqual([true, true]);
    expect(last.reason).toMatchObject({ code: 'deadline-exceeded' });
    expect(limit.signal.aborted).toBe(false);
  });

  it('begins anew when the clock is set back', () => {
    const { limit, setBack } = open();
    const first = limit.signal;
    setBack(60_000);
    expect(limit.signal).not.toBe(first);
  });

  it('ends what is under way at its own end, and leaves no timer behind', () => {
    const { limit, waiting } = open();
    const { signal } = limit;
    limit.close(new StoaError('unavailable', 'stopped'));
    expect(waiting.size).toBe(0);
    expect(signal.reason).toMatchObject({ code: 'unavailable' });
  });
});
