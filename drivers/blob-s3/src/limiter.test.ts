import { describe, expect, it } from 'vitest';
import { Limiter } from './limiter.ts';

describe('the limiter', () => {
  it('lets so many in, and the others in the order they came', async () => {
    const limiter = new Limiter(2);
    const order: string[] = [];
    const enter = async (name: string) => {
      const leave = await limiter.acquire(10_000);
      order.push(name);
      return leave;
    };
    const [leaveA, leaveB] = await Promise.all([enter('a'), enter('b')]);
    const [c, d] = [enter('c'), enter('d')];
    leaveB();
    // Twice gives one place back.
    leaveB();
    const leaveC = await c;
    expect(order).toEqual(['a', 'b', 'c']);
    leaveC();
    const leaveD = await d;
    leaveA();
    leaveD();
    expect(order).toEqual(['a', 'b', 'c', 'd']);
  });

  it('rejects who waits too long, or no longer wants to; neither takes a place', async () => {
    const limiter = new Limiter(1);
    const leave = await limiter.acquire(1);
    await expect(limiter.acquire(1)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    const controller = new AbortController();
    const waiting = limiter.acquire(10_000, controller.signal);
    controller.abort(new Error('no longer'));
    await expect(waiting).rejects.toThrow('no longer');
    leave();
    (await limiter.acquire(1))();
  });
});
