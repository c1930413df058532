import { describe, expect, it } from 'vitest';
import { settle } from '../test/support/fake-clock.ts';
import { gapItem, type Item, Subscriber } from './subscriber.ts';

const delivery = (nodeId: string): Item => ({ item: { $case: 'delivery', value: { nodeId, events: [] } } });

async function rest(subscriber: Subscriber): Promise<Item[]> {
  subscriber.close();
  const items: Item[] = [];
  for await (const item of subscriber.items(new AbortController().signal)) items.push(item);
  return items;
}

describe('Subscriber', () => {
  it('gives what was pushed, in order', async () => {
    const subscriber = new Subscriber();
    for (const id of ['a', 'b', 'c']) subscriber.push(delivery(id));
    expect(await rest(subscriber)).toEqual(['a', 'b', 'c'].map(delivery));
  });

  it('drops what waits for a slow reader and tells of a gap', async () => {
    let overflows = 0;
    const subscriber = new Subscriber(() => {
      overflows += 1;
      return true;
    });
    for (let i = 0; i < 4_096; i++) subscriber.push(delivery('old'));
    subscriber.push(delivery('one too many'));
    subscriber.push(delivery('new'));
    expect(overflows).toBe(1);
    expect(await rest(subscriber)).toEqual([gapItem('', 'the subscriber was too slow', true), delivery('new')]);
  });

  it('bounds what it holds by size too', () => {
    const subscriber = new Subscriber();
    for (let i = 0; i < 1_000; i++) subscriber.push(delivery('large'), 1024 * 1024);
    expect(subscriber.waiting).toBeLessThanOrEqual(9);
  });

  it('does not repeat a gap', async () => {
    const subscriber = new Subscriber();
    subscriber.push(gapItem('1', 'lost'));
    subscriber.push(gapItem('1', 'lost more'));
    subscriber.push(gapItem('', 'away', true));
    subscriber.push(gapItem('', 'back'));
    expect(await rest(subscriber)).toEqual([gapItem('1', 'lost'), gapItem('', 'away', true), gapItem('', 'back')]);
  });

  it('ends when its reader gives up', async () => {
    const subscriber = new Subscriber();
    const abort = new AbortController();
    const next = subscriber.items(abort.signal).next();
    await settle();
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    subscriber.push(delivery('late'));
    expect(subscriber.waiting).toBe(0);
  });
});
