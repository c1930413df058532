import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { Slots } from './slots.ts';

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe('Slots', () => {
  it('lets so many run at a time, the others in their order', async () => {
    const slots = new Slots(2, 10);
    const order: string[] = [];
    let running = 0;
    let most = 0;
    const gates = Array.from({ length: 6 }, gate);
    const all = gates.map((each, i) =>
      slots.run(async (waited) => {
        order.push(`${i}${waited ? ' waited' : ''}`);
        most = Math.max(most, ++running);
        await each.opened;
        running--;
        return i;
      }),
    );
    for (const each of gates) each.open();
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(order).toEqual(['0', '1', '2 waited', '3 waited', '4 waited', '5 waited']);
    expect(most).toBe(2);
    expect(await slots.run(async (waited) => waited)).toBe(false);
  });

  it('goes on after work that failed', async () => {
    const slots = new Slots(1, 10);
    const failed = slots.run(() => Promise.reject(new Error('no')));
    const next = slots.run(async () => 'done');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('done');
  });

  it('refuses when too many wait, and forgets those that gave up', async () => {
    const slots = new Slots(1, 1);
    const { open, opened } = gate();
    const first = slots.run(() => opened);
    const abort = new AbortController();
    const waiting = slots.run(async () => 'never', abort.signal);
    await expect(slots.run(async () => {})).rejects.toMatchObject({ code: 'resource-exhausted', retryable: true });
    abort.abort(new StoaError('deadline-exceeded', 'too late'));
    await expect(waiting).rejects.toMatchObject({ code: 'deadline-exceeded' });
    const next = slots.run(async () => 'done');
    open();
    await first;
    expect(await next).toBe('done');
    const gone = AbortSignal.abort();
    const busy = slots.run(async () => {});
    await expect(slots.run(async () => {}, gone)).rejects.toMatchObject({ code: 'cancelled' });
    await busy;
  });
});
