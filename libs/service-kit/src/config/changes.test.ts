import { expect, it } from 'vitest';
import { changedKeys } from './changes.ts';
import { Secret } from './types.ts';

it.each([
  [{ a: 1 }, { a: 1 }, []],
  [{ a: 1, b: { c: 2, d: 3 } }, { a: 1, b: { c: 2, d: 4 } }, ['b.d']],
  [{ a: 1 }, { b: 1 }, ['a', 'b']],
  [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, []],
  [{ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, ['a']],
  [{ a: undefined }, {}, []],
  [{ a: { b: 1 } }, { a: undefined }, ['a']],
  [{ a: new Secret('x') }, { a: new Secret('x') }, []],
  [{ a: new Secret('x') }, { a: new Secret('y') }, ['a']],
])('%j to %j changes %j', (before, after, changed) => {
  expect(changedKeys(before, after)).toEqual(changed);
});
