import { storage } from '@stoa/contracts';
import { expect, it } from 'vitest';
import { MemoryMemoryStore } from '../../test/support/memory-memory-store.ts';
import { call } from '../../test/support/router.ts';
import { memoryService } from './memory-service.ts';

const { MemoryServiceSetRequest_Condition: Condition } = storage;
const bytes = (text: string) => Uint8Array.from(Buffer.from(text));

it('MemoryService sets under conditions, counts, and forgets', async () => {
  const clock = { now: 0 };
  const service = memoryService(new MemoryMemoryStore(() => clock.now));
  const put = async (value: string, condition: storage.MemoryServiceSetRequest_Condition, expected = '') => {
    const request = { key: 'k', value: bytes(value), ttlMs: 100, condition, expected: bytes(expected) };
    return (await service.set(request, call())).stored;
  };
  const get = async (...keys: string[]) =>
    (await service.get({ keys }, call())).values?.map(({ found, value }) =>
      found ? Buffer.from(value!).toString() : null,
    );
  expect(await put('1', Condition.CONDITION_EQUALS, '0')).toBe(false);
  expect(await put('1', Condition.CONDITION_ABSENT)).toBe(true);
  expect(await put('2', Condition.CONDITION_ABSENT)).toBe(false);
  expect(await put('2', Condition.CONDITION_EQUALS, '1')).toBe(true);
  expect(await get('k', 'x', 'k')).toEqual(['2', null, '2']);
  expect(await put('3', Condition.CONDITION_UNSPECIFIED)).toBe(true);
  expect(await service.increment({ key: 'n', delta: 3, ttlMs: 50 }, call())).toEqual({ value: 3 });
  expect(await service.increment({ key: 'n', delta: -1, ttlMs: 50 }, call())).toEqual({ value: 2 });
  clock.now = 50;
  expect(await service.increment({ key: 'n', delta: 1, ttlMs: 50 }, call())).toEqual({ value: 1 });
  await service.delete({ keys: ['k', 'x'] }, call());
  expect(await get('k')).toEqual([null]);
});
