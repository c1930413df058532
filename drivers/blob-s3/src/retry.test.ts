import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { backoff, type RetryEnvironment, retrying } from './retry.ts';

/** Time that passes only by waiting. */
function clock(): RetryEnvironment & { waits: number[]; time: number } {
  return {
    time: 0,
    waits: [],
    now() {
      return this.time;
    },
    random: () => 1,
    async sleep(ms) {
      this.waits.push(ms);
      this.time += ms;
    },
  };
}

const slow = () => Object.assign(new Error('slow down'), { name: 'SlowDown', $metadata: { httpStatusCode: 503 } });
const options = { retries: 20, deadlineMs: 10_000 };

describe('retrying', () => {
  it('waits longer and longer, up to two seconds, until an attempt succeeds', async () => {
    const environment = clock();
    let attempts = 0;
    const attempt = async () => {
      attempts += 1;
      if (attempts < 9) throw slow();
      return 'done';
    };
    expect(await retrying(attempt, options, environment)).toBe('done');
    expect(environment.waits).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000]);
  });

  it('gives up when the next attempt would come after the deadline', async () => {
    const environment = clock();
    const left: number[] = [];
    const attempt = async (ms: number) => {
      left.push(ms);
      throw slow();
    };
    await expect(retrying(attempt, options, environment)).rejects.toMatchObject({ code: 'unavailable' });
    expect(environment.time).toBeLessThan(10_000);
    expect(left[0]).toBe(10_000);
    expect(Math.min(...left)).toBeGreaterThan(0);
  });

  it('gives up after so many retries', async () => {
    const environment = clock();
    let attempts = 0;
    let retries = 0;
    const attempt = async () => {
      attempts += 1;
      throw slow();
    };
    const few = { ...options, retries: 2, onRetry: () => (retries += 1) };
    await expect(retrying(attempt, few, environment)).rejects.toMatchObject({ code: 'unavailable' });
    expect([attempts, retries]).toEqual([3, 2]);
  });

  it('does not try again what fails for good', async () => {
    const environment = clock();
    const attempt = async () => {
      throw new StoaError('storage-full', 'full');
    };
    await expect(retrying(attempt, options, environment)).rejects.toMatchObject({ code: 'storage-full' });
    expect(environment.waits).toEqual([]);
  });

  it('waits as long as the server asks', async () => {
    const environment = clock();
    let asked = false;
    const attempt = async () => {
      if (asked) return 'done';
      asked = true;
      throw Object.assign(slow(), { $response: { headers: { 'retry-after': '3' } } });
    };
    await retrying(attempt, options, environment);
    expect(environment.waits).toEqual([3000]);
  });

  it('stops when the call is cancelled', async () => {
    const controller = new AbortController();
    const environment = clock();
    environment.sleep = async () => controller.abort();
    const attempt = async () => {
      throw slow();
    };
    const cancelled = retrying(attempt, { ...options, signal: controller.signal }, environment);
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('backoff', () => {
  it('is at least half of its full length', () => {
    expect(backoff(0, () => 0)).toBe(25);
    expect(backoff(3, () => 0)).toBe(200);
    expect(backoff(100, () => 0)).toBe(1000);
  });
});
