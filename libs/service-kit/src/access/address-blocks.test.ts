import { StoaError } from '@stoa/plugin-sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { recordingLogger } from '../../test/recording-logger.ts';
import { AddressBlocks } from './address-blocks.ts';

describe('address blocks', () => {
  let now: number;
  let asked: string[];
  let answer: (address: string) => Promise<number>;
  let blocks: AddressBlocks;

  beforeEach(() => {
    now = 1_000_000;
    asked = [];
    answer = async () => 0;
    blocks = new AddressBlocks({
      check: (address) => {
        asked.push(address);
        return answer(address);
      },
      logger: recordingLogger(),
      now: () => now,
      limit: 10,
    });
  });

  it('asks for an address once, and again when what it knows is old', async () => {
    expect(await blocks.isBlocked('192.0.2.1')).toBe(false);
    expect(blocks.isBlocked('192.0.2.1')).toBe(false);
    now += 2_000;
    answer = async () => now + 60_000;
    expect(await blocks.isBlocked('192.0.2.1')).toBe(true);
    now += 59_000;
    expect(blocks.isBlocked('192.0.2.1')).toBe(true);
    now += 1_000;
    answer = async () => 0;
    expect(await blocks.isBlocked('192.0.2.1')).toBe(false);
    expect(asked).toHaveLength(3);
  });

  it('asks once for many that come at the same time from one network', async () => {
    const all = ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:ffff::3'].map((address) => blocks.isBlocked(address));
    expect(await Promise.all(all)).toEqual([false, false, false]);
    expect(asked).toEqual(['2001:db8::1']);
  });

  it('blocks the network that an event names, and that of the address where it names none', () => {
    blocks.set('2001:db8:1:2::9', '2001:db8:1:2::/64', now + 1_000);
    blocks.set('2001:db8:1:3::9', '', now + 1_000);
    expect(blocks.isBlocked('2001:db8:1:2:3:4:5:6')).toBe(true);
    expect(blocks.isBlocked('2001:db8:1:3:3:4:5:6')).toBe(true);
    expect(blocks.isBlocked('::ffff:192.0.2.1')).toBeInstanceOf(Promise);
    expect(asked).toEqual(['::ffff:192.0.2.1']);
  });

  it('lifts a block that an event lifts', () => {
    blocks.set('192.0.2.1', '192.0.2.1', now + 60_000);
    blocks.set('192.0.2.1', '192.0.2.1', 0);
    expect(blocks.isBlocked('192.0.2.1')).toBe(false);
  });

  it('believes the event that came while it asked', async () => {
    const gate = Promise.withResolvers<number>();
    answer = () => gate.promise;
    const verdict = blocks.isBlocked('192.0.2.1');
    blocks.set('192.0.2.1', '192.0.2.1', now + 60_000);
    gate.resolve(0);
    expect(await verdict).toBe(true);
    expect(blocks.isBlocked('192.0.2.1')).toBe(true);
  });

  it('asks anew after events may have been lost', async () => {
    blocks.set('192.0.2.1', '192.0.2.1', now + 60_000);
    blocks.forget();
    expect(await blocks.isBlocked('192.0.2.1')).toBe(false);
    expect(asked).toHaveLength(1);
  });

  it('lets everybody in while it cannot ask, without asking for each, but those that it knows', async () => {
    blocks.set('192.0.2.9', '192.0.2.9', now + 60_000);
    answer = async () => {
      throw new StoaError('unavailable', 'the router is away');
    };
    expect(await blocks.isBlocked('192.0.2.1')).toBe(false);
    expect(blocks.isBlocked('192.0.2.2')).toBe(false);
    expect(blocks.isBlocked('192.0.2.9')).toBe(true);
    expect(asked).toHaveLength(1);
    now += 1_000;
    answer = async () => now + 1_000;
    expect(await blocks.isBlocked('192.0.2.2')).toBe(true);
  });

  it('is of bounded size, and keeps blocks rather than what is free', async () => {
    blocks.set('192.0.2.1', '192.0.2.1', now + 60_000);
    for (let i = 2; i < 200; i++) await blocks.isBlocked(`192.0.2.${i}`);
    expect(blocks.isBlocked('192.0.2.1')).toBe(true);
    for (let i = 0; i < 50; i++) blocks.set(`198.51.100.${i}`, '', now + 60_000);
    answer = async () => 0;
    expect(await blocks.isBlocked('198.51.100.0')).toBe(false);
    expect(blocks.isBlocked('198.51.100.49')).toBe(true);
  });

  it('has nothing to say of what is no IP address', () => {
    expect(blocks.isBlocked('')).toBe(false);
    expect(asked).toEqual([]);
  });
});
