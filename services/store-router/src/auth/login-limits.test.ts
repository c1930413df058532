import { describe, expect, it } from 'vitest';
import { testDirectory } from '../../test/support/directory.ts';

const MINUTE = 60_000;
const CONFIG = { 'max-failures-per-address': 5, 'max-failures-per-account': 3, 'block-after': 12 };
const set = (auth: Record<string, unknown> = CONFIG) => testDirectory({ auth });
const limited = { code: 'rate-limited' };

describe('LoginLimits', () => {
  it('refuses an account for longer each time, wherever the failures came from', async () => {
    const { limits, clock } = set();
    for (const minutes of [5, 10, 20, 40, 80, 160, 240, 240]) {
      for (let i = 0; i < 3; i++) {
        await limits.check(`192.0.2.${i}`, 'a@example.org');
        await limits.failed(`192.0.2.${i}`, 'a@example.org');
      }
      clock.now += minutes * MINUTE - 1;
      await expect(limits.check('198.51.100.1', 'a@example.org')).rejects.toMatchObject(limited);
      await limits.check('198.51.100.1', 'b@example.org');
      clock.now += 1;
      await limits.check('198.51.100.1', 'a@example.org');
    }
  });

  it('forgets failures after the window, and earlier times after a day', async () => {
    const { limits, clock } = set();
    for (let i = 0; i < 10; i++) {
      await limits.failed('192.0.2.1', 'a@example.org');
      clock.now += 6 * MINUTE;
    }
    await limits.check('192.0.2.1', 'a@example.org');
    for (let i = 0; i < 3; i++) await limits.failed('', 'b@example.org');
    clock.now += 24 * 60 * MINUTE;
    for (let i = 0; i < 3; i++) await limits.failed('', 'b@example.org');
    clock.now += 5 * MINUTE;
    await limits.check('', 'b@example.org');
  });

  it('lets the owner in from where the owner is known, while others are refused', async () => {
    const { limits } = set();
    await limits.succeeded('2001:db8::1', 'a@example.org');
    for (let i = 0; i < 3; i++) await limits.failed('192.0.2.1', 'a@example.org');
    await limits.check('2001:db8::2', 'a@example.org');
    await expect(limits.check('192.0.2.1', 'a@example.org')).rejects.toMatchObject(limited);
    await expect(limits.check('', 'a@example.org')).rejects.toMatchObject(limited);
  });

  it('refuses an address, and blocks it everywhere when it goes on', async () => {
    const { limits, events, clock } = set();
    for (let i = 0; i < 5; i++) await limits.failed('2001:db8::1', `user${i}@example.org`);
    await limits.check('192.0.2.1', 'a@example.org');
    for (let i = 0; i < 7; i++) {
      expect(await limits.blockedUntil('2001:db8::ff')).toBe(0);
      await expect(limits.check('2001:db8::ff', 'a@example.org')).rejects.toMatchObject(limited);
    }
    const until = clock.now + 60 * MINUTE;
    expect(events).toEqual([
      { $case: 'addressBlocked', value: { address: '2001:db8::ff', network: '2001:db8:0:0::/64', until } },
    ]);
    expect(await limits.blockedUntil('2001:db8::1')).toBe(until);
    clock.now = until;
    expect(await limits.blockedUntil('2001:db8::1')).toBe(0);
    await limits.check('2001:db8::1', 'a@example.org');
  });

  it('locks once when many fail at the same time', async () => {
    const { limits, clock } = set();
    await Promise.all(Array.from({ length: 40 }, (_, i) => limits.failed(`192.0.2.${i}`, 'a@example.org')));
    clock.now += 5 * MINUTE;
    await limits.check('198.51.100.1', 'a@example.org');
  });

  it('counts an address without a network for the account alone', async () => {
    const { limits, events } = set();
    for (let i = 0; i < 50; i++) await limits.failed('', `user${i}@example.org`);
    await limits.check('', 'a@example.org');
    expect(events).toEqual([]);
  });

  it('lets logins go on while the memory store is down, asking it seldom', async () => {
    const { limits, memory, logger, clock } = set();
    memory.isDown = true;
    for (let i = 0; i < 20; i++) {
      await limits.failed('192.0.2.1', 'a@example.org');
      await limits.check('192.0.2.1', 'a@example.org');
      expect(await limits.blockedUntil('192.0.2.1')).toBe(0);
    }
    expect(memory.calls).toBeLessThan(10);
    expect(logger.lines.filter(({ level }) => level === 'warn').length).toBeGreaterThan(0);
    memory.isDown = false;
    clock.now += 1_000;
    for (let i = 0; i < 3; i++) await limits.failed('192.0.2.1', 'a@example.org');
    await expect(limits.check('192.0.2.1', 'a@example.org')).rejects.toMatchObject(limited);
  });
});
