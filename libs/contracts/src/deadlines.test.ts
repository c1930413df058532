import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { expireAfter } from './deadlines.ts';

describe('limits of time', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.runAllTimers();
    vi.useRealTimers();
  });

  const watch = () => {
    const expired: string[] = [];
    return { expired, of: (name: string) => ({ expire: () => void expired.push(name) }) };
  };

  it('end each in its time, unless they were called off', () => {
    const { expired, of } = watch();
    expireAfter(1000, of('first'));
    vi.advanceTimersByTime(400);
    const callOff = expireAfter(1000, of('second'));
    expireAfter(1000, of('third'));
    expireAfter(300, of('short'));
    vi.advanceTimersByTime(300);
    expect(expired).toEqual(['short']);
    vi.advanceTimersByTime(299);
    expect(expired).toEqual(['short']);
    vi.advanceTimersByTime(1);
    expect(expired).toEqual(['short', 'first']);
    callOff();
    callOff();
    vi.advanceTimersByTime(400);
    expect(expired).toEqual(['short', 'first', 'third']);
  });

  it('take one timer for any number of calls, and none when there have been none for their time', () => {
    const { of } = watch();
    for (let i = 0; i < 1000; i++) expireAfter(30_000, of('call'))();
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(30_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('bear one that is called off while another ends', () => {
    const { expired, of } = watch();
    let callOff = () => {};
    expireAfter(50, { expire: () => callOff() });
    callOff = expireAfter(50, of('second'));
    vi.advanceTimersByTime(100);
    expect(expired).toEqual([]);
  });

  it('go on when one that ends begins another', () => {
    const { expired, of } = watch();
    expireAfter(50, { expire: () => expireAfter(50, of('next')) });
    vi.advanceTimersByTime(99);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(expired).toEqual(['next']);
  });

  it('have a timer each where there are many lengths of time', () => {
    const { expired, of } = watch();
    const calledOff = Array.from({ length: 200 }, (_, i) => expireAfter(1000 + i, of(String(i))));
    for (const callOff of calledOff.slice(0, 199)) callOff();
    vi.advanceTimersByTime(2000);
    expect(expired).toEqual(['199']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may be endless', () => {
    const { of } = watch();
    expireAfter(Number.POSITIVE_INFINITY, of('never'))();
    expect(vi.getTimerCount()).toBe(0);
  });
});
