import { expect, it } from 'vitest';
import { Wishes } from './wishes.ts';

it('holds accounts, each once, and all accounts when there are too many', () => {
  const wishes = new Wishes();
  expect(wishes.any).toBe(false);
  for (const id of ['a', 'b', 'a']) wishes.add(id);
  expect(wishes.take()).toEqual(['a', 'b']);
  expect(wishes.any).toBe(false);
  for (let i = 0; i <= 10_000; i++) wishes.add(String(i));
  expect(wishes.any).toBe(true);
  expect(wishes.take()).toEqual([]);
  wishes.add('c');
  expect(wishes.take()).toEqual(['c']);
});
