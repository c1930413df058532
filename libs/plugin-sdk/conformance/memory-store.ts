import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { MAX_MEMORY_KEY_BYTES, MAX_MEMORY_VALUE_BYTES, type MemoryStore } from '../src/index.ts';
import { driverTests } from './driver.ts';
import {
  bytes,
  heading,
  mayRejectWith,
  pattern,
  rejectsWith,
  type Subject,
  type SuiteOptions,
  sameBytes,
  type TestApi,
  uniqueName,
} from './suite.ts';

const LONG = { ttlMs: 120_000 };

/** Checks a memory store against the obligations of `MemoryStore`. */
export function memoryStoreSuite(options: SuiteOptions<'memory'>): void {
  heading(options, (test, subject) => {
    driverTests(test, subject, 'memory');
    valueTests(test, subject);
    atomicityTests(test, subject);
    endTests(test, subject);
    limitTests(test, subject);
    if (subject.capabilities.deletePrefix) deletePrefixTest(test, subject);
    modelTest(test, subject);
  });
}

function valueTests(test: TestApi['test'], subject: Subject<'memory'>): void {
  test('set, add, compareAndSet and delete do what they say', async () => {
    await subject.use(async (store) => {
      const key = uniqueName();
      assert.equal(await store.get(key), undefined);
      assert.equal(await store.compareAndSet(key, new Uint8Array(0), bytes('x'), LONG), false);
      assert.equal(await store.add(key, new Uint8Array(0), LONG), true);
      sameBytes(await store.get(key), new Uint8Array(0), 'an empty value');
      assert.equal(await store.add(key, bytes('1'), LONG), false);
      assert.equal(await store.compareAndSet(key, bytes('1'), bytes('2'), LONG), false);
      assert.equal(await store.compareAndSet(key, new Uint8Array(0), bytes('2'), LONG), true);
      sameBytes(await store.get(key), bytes('2'), 'after compareAndSet');
      await store.set(key, pattern(1000, 1), LONG);
      sameBytes(await store.get(key), pattern(1000, 1), 'after set');
      await store.delete([key, uniqueName()]);
      assert.equal(await store.get(key), undefined);
      await store.delete([]);
    });
  });

  test('values given and values returned belong to the caller', async () => {
    await subject.use(async (store) => {
      const key = uniqueName();
      for (const value of [bytes('value'), Buffer.from('value')]) {
        await store.set(key, value, LONG);
        value.fill(0);
        const found = await store.get(key);
        sameBytes(found, bytes('value'), 'after the caller changed what was given');
        found!.fill(0);
        sameBytes(await store.get(key), bytes('value'), 'after the caller changed what was returned');
      }
      await store.delete([key]);
    });
  });

  test('a call that is cancelled before it begins rejects and changes nothing', async () => {
    await subject.use(async (store) => {
      const key = uniqueName();
      const signal = AbortSignal.abort();
      await rejectsWith(store.set(key, bytes('1'), { ...LONG, signal }), 'cancelled');
      await rejectsWith(store.increment(key, 1, { ...LONG, signal }), 'cancelled');
      await rejectsWith(store.get(key, { signal }), 'cancelled');
      assert.equal(await store.get(key), undefined);
    });
  });
}

function atomicityTests(test: TestApi['test'], subject: Subject<'memory'>): void {
  test('concurrent increments add up, and no two give the same value', async () => {
    await subject.use(async (store) => {
      const key = uniqueName();
      const values = await Promise.all(Array.from({ length: 200 }, () => store.increment(key, 1, LONG)));
      assert.deepEqual(
        values.sort((a, b) => a - b),
        Array.from({ length: 200 }, (_, index) => index + 1),
      );
      assert.equal(await store.increment(key, -150, LONG), 50);
      assert.equal(await store.increment(key, 0, LONG), 50);
      await store.delete([key]);
      assert.equal(await store.increment(key, 7, LONG), 7);
      await store.delete([key]);
    });
  });

  test('one of several that add the same key succeeds', async () => {
    await subject.use(async (store) => {
      const key = uniqueName();
      const won = await Promise.all(
        Array.from({ length: 20 }, (_, index) => store.add(key, bytes(String(index)), LONG)),
      );
      assert.equal(won.filter(Boolean).length, 1);
      sameBytes(await store.get(key), bytes(String(won.indexOf(true))), 'the value of the winner');
      await store.delete([key]);
    });
  });

  test('concurrent updates by compareAndSet lose none', async () => {
    await subject.use(async (store) => {
      const key = uniqueName();
      await store.set(key, bytes('0'), LONG);
      const writer = async () => {
        for (let round = 0; round < 10; ) {
          const current = (await store.get(key))!;
          const next = bytes(String(Number(Buffer.from(current).toString()) + 1));
          if (await store.compareAndSet(key, current, next, LONG)) round += 1;
        }
      };
      await Promise.all(Array.from({ length: 5 }, writer));
      sameBytes(await store.get(key), bytes('50'), 'the sum');
      await store.delete([key]);
    });
  });

  if (subject.capabilities.shared === 'process') return;
  test('two instances on one store see each other', async () => {
    await subject.use((one) =>
      subject.use(async (two) => {
        const key = uniqueName();
        await one.set(key, bytes('1'), LONG);
        sameBytes(await two.get(key), bytes('1'), 'set by the other');
        const counter = uniqueName();
        await Promise.all(Array.from({ length: 60 }, (_, index) => [one, two][index % 2]!.increment(counter, 1, LONG)));
        assert.equal(await two.increment(counter, 0, LONG), 60);
        await one.delete([key, counter]);
        assert.equal(await two.get(key), undefined);
      }),
    );
  });
}

/** Keys may live a second longer than they should, and a store may count in whole seconds. */
const GONE_AFTER_MS = 2600;

function endTests(test: TestApi['test'], subject: Subject<'memory'>): void {
  test('keys end at their time, which set prolongs and increment does not', async () => {
    await subject.use(async (store) => {
      const names = ['set', 'add', 'cas', 'counter', 'prolonged', 'shortened', 'long'];
      const key = Object.fromEntries(names.map((name) => [name, uniqueName()])) as Record<string, string>;
      const short = { ttlMs: 1000 };
      await store.set(key['set']!, bytes('1'), short);
      await store.add(key['add']!, bytes('1'), short);
      await store.set(key['cas']!, bytes('1'), LONG);
      assert.equal(await store.compareAndSet(key['cas']!, bytes('1'), bytes('2'), short), true);
      await store.increment(key['counter']!, 5, short);
      await store.increment(key['counter']!, 5, LONG);
      await store.set(key['prolonged']!, bytes('1'), short);
      await store.set(key['prolonged']!, bytes('2'), LONG);
      await store.set(key['shortened']!, bytes('1'), LONG);
      await store.set(key['shortened']!, bytes('2'), short);
      await store.set(key['long']!, bytes('1'), LONG);
      // There is no event for the end of a key, so the real time has to pass.
      await delay(GONE_AFTER_MS);
      for (const name of ['set', 'add', 'cas', 'shortened']) assert.equal(await store.get(key[name]!), undefined, name);
      assert.equal(await store.increment(key['counter']!, 1, LONG), 1, 'the counter was prolonged');
      sameBytes(await store.get(key['prolonged']!), bytes('2'), 'prolonged');
      sameBytes(await store.get(key['long']!), bytes('1'), 'long');
      assert.equal(await store.add(key['add']!, bytes('2'), LONG), true);
      await store.delete(Object.values(key));
    });
  });
}

function limitTests(test: TestApi['test'], subject: Subject<'memory'>): void {
  test('the largest keys and values fit', async () => {
    await subject.use(async (store) => {
      const long = (uniqueName() + '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'.repeat(8)).slice(0, MAX_MEMORY_KEY_BYTES);
      await store.set(long, pattern(MAX_MEMORY_VALUE_BYTES, 1), LONG);
      sameBytes(await store.get(long), pattern(MAX_MEMORY_VALUE_BYTES, 1), 'the largest value');
      assert.equal(await store.get(long.slice(0, -1)), undefined);
      await store.delete([long]);
      assert.equal(await store.increment(long, 2 ** 40, { ttlMs: 7 * 24 * 3_600_000 }), 2 ** 40);
      await store.delete([long]);
    });
  });

  test('what is beyond the limits is refused or taken, and harms nothing', async () => {
    await subject.use(async (store) => {
      for (const key of ['', 'a b', 'a\r\nb', 'x'.repeat(100_000), 'ä', 'a\0']) {
        await mayRejectWith(store.set(key, bytes('1'), { ttlMs: 1000 }), 'invalid-argument', 'too-large');
        await mayRejectWith(store.get(key), 'invalid-argument', 'too-large');
        await mayRejectWith(
          store.increment(key, 1, { ttlMs: 1000 }),
          'invalid-argument',
          'too-large',
          'failed-precondition',
        );
      }
      const key = uniqueName();
      const tooLarge = new Uint8Array(MAX_MEMORY_VALUE_BYTES * 4);
      await mayRejectWith(store.set(key, tooLarge, { ttlMs: 1000 }), 'invalid-argument', 'too-large', 'storage-full');
      await store.set(key, bytes('fine'), LONG);
      sameBytes(await store.get(key), bytes('fine'), 'afterwards');
      await store.delete([key]);
    });
  });
}

function deletePrefixTest(test: TestApi['test'], subject: Subject<'memory'>): void {
  test('deletePrefix deletes the keys that begin so, and no other', async () => {
    await subject.use(async (store) => {
      assert.ok(store.deletePrefix, 'the capability is declared, the method is missing');
      const top = uniqueName();
      const keys = ['', ':a', ':a*', ':a*b', ':a[x]', ':ab', ':b', ':a?', ':a\\'].map((end) => `${top}${end}`);
      for (const prefix of [`${top}:a*`, `${top}:a?`, `${top}:a[`, `${top}:a\\`, `${top}:a`, `${top}:none`, top]) {
        await Promise.all(keys.map((key) => store.set(key, bytes(key), LONG)));
        await store.deletePrefix(prefix);
        for (const key of keys) {
          const expected = key.startsWith(prefix) ? undefined : bytes(key);
          sameBytes(await store.get(key), expected, `${key} after deleting ${prefix}`);
        }
      }
      const many = Array.from({ length: 2500 }, (_, index) => `${top}/${index}`);
      await Promise.all(many.map((key) => store.set(key, bytes('1'), LONG)));
      await store.deletePrefix(`${top}/`);
      const left = await Promise.all(many.map((key) => store.get(key)));
      assert.ok(left.every((value) => value === undefined));
    });
  });
}

type Step = {
  call: 'get' | 'set' | 'add' | 'cas' | 'increment' | 'delete';
  key: string;
  value: number;
  right: boolean;
};

function modelTest(test: TestApi['test'], subject: Subject<'memory'>): void {
  const steps: fc.Arbitrary<Step[]> = fc.array(
    fc.record({
      call: fc.constantFrom('get', 'set', 'add', 'cas', 'increment', 'delete'),
      key: fc.constantFrom('a', 'b', 'c'),
      value: fc.integer({ min: -9, max: 9 }),
      right: fc.boolean(),
    }),
    { minLength: 1, maxLength: 40 },
  );

  test('behaves as a map under arbitrary calls', async () => {
    await subject.use(async (store) => {
      await fc.assert(
        fc.asyncProperty(steps, async (plan) => {
          const top = uniqueName();
          const model = new Map<string, number>();
          for (const step of plan) await apply(store, `${top}/${step.key}`, step, model);
          await store.delete([...model.keys()]);
        }),
        { numRuns: 40 },
      );
    });
  });
}

/** Counters and values have keys of their own: how a counter is stored is the driver's affair. */
async function apply(store: MemoryStore, key: string, step: Step, model: Map<string, number>): Promise<void> {
  const current = model.get(key);
  const value = bytes(String(step.value));
  switch (step.call) {
    case 'get':
      sameBytes(await store.get(key), current === undefined ? undefined : bytes(String(current)), 'get');
      break;
    case 'set':
      await store.set(key, value, LONG);
      model.set(key, step.value);
      break;
    case 'add':
      assert.equal(await store.add(key, value, LONG), current === undefined, 'add');
      if (current === undefined) model.set(key, step.value);
      break;
    case 'cas': {
      const expected = step.right && current !== undefined ? current : 100;
      const set = await store.compareAndSet(key, bytes(String(expected)), value, LONG);
      assert.equal(set, expected === current, 'compareAndSet');
      if (set) model.set(key, step.value);
      break;
    }
    case 'increment': {
      const counter = `${key}#`;
      const sum = (model.get(counter) ?? 0) + step.value;
      assert.equal(await store.increment(counter, step.value, LONG), sum, 'increment');
      model.set(counter, sum);
      break;
    }
    case 'delete':
      await store.delete([key]);
      model.delete(key);
  }
}
