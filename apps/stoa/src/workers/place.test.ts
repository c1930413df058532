import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { placeVariable, readPlace, workerCount } from './place.ts';

it('the option says how many workers there are, or else the configuration', () => {
  expect(workerCount(undefined, 3)).toBe(3);
  expect(workerCount('2', 3)).toBe(2);
  expect([workerCount(undefined, 'auto'), workerCount('auto', 1)]).toEqual(Array(2).fill(availableParallelism()));
  for (const wrong of ['0', '-1', '1.5', '257', 'many', '']) {
    expect(() => workerCount(wrong, 1)).toThrow(/expected a number from 1 to 256, or "auto"/);
  }
});

it('a worker learns its place by its environment, which is no key of the configuration', () => {
  const place = { number: 2, folder: '/data/workers', shared: { bus: '/data/workers/bus.sock' } };
  const variables = placeVariable(place);
  expect(readPlace(variables)).toEqual(place);
  expect(Object.keys(variables).filter((name) => name.includes('__'))).toEqual([]);
  expect(readPlace({})).toBeUndefined();
});
