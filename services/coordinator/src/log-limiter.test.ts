import { expect, it } from 'vitest';
import { LogLimiter } from './log-limiter.ts';

it('lets one line of a key through in each interval and counts the others', () => {
  let now = 0;
  const limiter = new LogLimiter(() => now, 1000);
  expect(limiter.pass('a')).toBe(0);
  expect(limiter.pass('a')).toBeUndefined();
  expect(limiter.pass('b')).toBe(0);
  now = 999;
  expect(limiter.pass('a')).toBeUndefined();
  now = 1000;
  expect(limiter.pass('a')).toBe(2);
  now = 0;
  expect(limiter.pass('a'), 'a clock set back does not silence it').toBe(0);
});
