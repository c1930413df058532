import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type DataStore, MAX_COMMIT_MUTATIONS, MAX_KEY_BYTES, MAX_VALUE_BYTES } from '../src/index.ts';
import { dataConcurrencyTests } from './data-concurrency.ts';
import { dataCrashTests } from './data-crash.ts';
import { commitPlans, DataModel, prefixRange, printEntries, scanPlans, toCommit } from './data-model.ts';
import { driverTests } from './driver.ts';
import {
  bytes,
  collect,
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

/** Checks a data store against the obligations of `DataStore`. */
export function dataStoreSuite(options: SuiteOptions<'data'>): void {
  heading(options, (test, subject) => {
    driverTests(test, subject, 'data');
    contentTests(test, subject);
    conditionTests(test, subject);
    scanTests(test, subject);
    limitTests(test, subject);
    dataConcurrencyTests(test, subject);
    dataCrashTests(test, subject);
  });
}

const put = (key: Uint8Array, value: Uint8Array) => ({ type: 'put' as const, key, value });

/** A function that makes keys of this test alone. */
function keys(): (suffix: string | Uint8Array) => Uint8Array {
  const prefix = uniqueName();
  return (suffix) => Buffer.concat([Buffer.from(prefix), Buffer.from(suffix as Uint8Array)]);
}

async function write(store: DataStore, ...entries: [key: Uint8Array, value: Uint8Array][]): Promise<void> {
  await store.commit({ conditions: [], mutations: entries.map(([key, value]) => put(key, value)) });
}

function contentTests(test: TestApi['test'], subject: Subject<'data'>): void {
  test('get answers in the order of the keys, absent and repeated ones too', async () => {
    await subject.use(async (store) => {
      const key = keys();
      await write(store, [key('a'), bytes('1')], [key('b'), new Uint8Array(0)]);
      const found = await store.get([key('b'), key('none'), key('a'), key('b')]);
      assert.equal(found.length, 4);
      sameBytes(found[0], new Uint8Array(0), 'an empty value');
      sameBytes(found[1], undefined, 'an absent key');
      sameBytes(found[2], bytes('1'), 'a value');
      sameBytes(found[3], new Uint8Array(0), 'a repeated key');
      assert.deepEqual(await store.get([]), []);
    });
  });

  test('values given and values returned belong to the caller', async () => {
    await subject.use(async (store) => {
      const key = keys()('k');
      const value = bytes('value');
      const given = Buffer.from(key);
      await write(store, [given, value]);
      assert.equal(Buffer.from(value).toString(), 'value');
      value.fill(0);
      given.fill(0);
      const [first] = await store.get([key]);
      sameBytes(first, bytes('value'), 'after the caller changed what was given');
      first!.fill(0);
      const [batch] = await collect(store.scan(prefixRange(key)));
      sameBytes(batch![0]!.value, bytes('value'), 'after the caller changed what was returned');
      batch![0]!.value.fill(0);
      batch![0]!.key.fill(0);
      sameBytes((await store.get([key]))[0], bytes('value'), 'after the caller changed what was scanned');
    });
  });

  test('mutations apply in their order', async () => {
    await subject.use(async (store) => {
      const key = keys();
      const [a, b, c] = [key('a'), key('b'), key('c')];
      await write(store, [a, bytes('old')], [b, bytes('old')]);
      await store.commit({
        conditions: [],
        mutations: [
          put(c, bytes('first')),
          { type: 'delete', key: a },
          put(a, bytes('new')),
          { type: 'delete-range', range: { start: b, end: key('d') } },
          put(c, bytes('second')),
          { type: 'delete', key: c },
          put(c, bytes('third')),
        ],
      });
      const [inA, inB, inC] = await store.get([a, b, c]);
      sameBytes(inA, bytes('new'), 'deleted, then put');
      sameBytes(inB, undefined, 'in the deleted range');
      sameBytes(inC, bytes('third'), 'put last');
    });
  });

  test('what was committed is there after closing and opening', async () => {
    const key = keys()('k');
    await subject.use((store) => write(store, [key, bytes('kept')]));
    await subject.use(async (store) => {
      sameBytes((await store.get([key]))[0], bytes('kept'), 'after opening');
      await store.commit({ conditions: [{ key, equals: bytes('kept') }], mutations: [{ type: 'delete', key }] });
    });
    await subject.use(async (store) => sameBytes((await store.get([key]))[0], undefined, 'after deleting'));
  });

  test('behaves as an ordered map under arbitrary commits and scans', async () => {
    await subject.use(async (store) => {
      const steps = fc.array(fc.oneof(commitPlans(), scanPlans()), { minLength: 1, maxLength: 25 });
      await fc.assert(
        fc.asyncProperty(steps, async (plan) => {
          const prefix = Buffer.from(uniqueName());
          const model = new DataModel();
          for (const step of plan) {
            if ('mutations' in step) {
              const commit = toCommit(step, prefix, model);
              if (model.copy().commit(commit)) await store.commit(commit);
              else await rejectsWith(store.commit(commit), 'conflict');
              model.commit(commit);
            } else {
              const range = { start: Buffer.concat([prefix, step.start]), end: Buffer.concat([prefix, step.end]) };
              const found = (await collect(store.scan(range, step.options))).flat();
              assert.deepEqual(printEntries(found), printEntries(model.scan(range, step.options)));
            }
          }
          const all = prefixRange(prefix);
          const left = (await collect(store.scan(all))).flat();
          assert.deepEqual(printEntries(left), printEntries(model.scan(all, {})));
          const found = await store.get(left.map((entry) => entry.key));
          for (const [index, entry] of left.entries()) sameBytes(found[index], entry.value, 'get after scan');
        }),
        { numRuns: 40 },
      );
    });
  });
}

function conditionTests(test: TestApi['test'], subject: Subject<'data'>): void {
  test('a commit whose condition does not hold rejects with conflict and changes nothing', async () => {
    await subject.use(async (store) => {
      const key = keys();
      const [a, b, none] = [key('a'), key('b'), key('none')];
      await write(store, [a, bytes('1')], [b, new Uint8Array(0)]);
      const mutations = [put(a, bytes('2')), { type: 'delete' as const, key: b }, put(none, bytes('2'))];
      const failing = [
        { key: a, equals: bytes('2') },
        { key: a, equals: bytes('') },
        { key: a, equals: bytes('1\0') },
        { key: a, equals: undefined },
        { key: b, equals: undefined },
        { key: b, equals: bytes('\0') },
        { key: none, equals: new Uint8Array(0) },
        { key: none, equals: bytes('1') },
      ];
      for (const condition of failing) {
        const holding = { key: a, equals: bytes('1') };
        await rejectsWith(store.commit({ conditions: [holding, condition], mutations }), 'conflict');
        await rejectsWith(store.commit({ conditions: [condition], mutations: [] }), 'conflict');
      }
      const [inA, inB, inNone] = await store.get([a, b, none]);
      sameBytes(inA, bytes('1'), 'put');
      sameBytes(inB, new Uint8Array(0), 'delete');
      sameBytes(inNone, undefined, 'put of a new key');
      const conditions = [
        { key: a, equals: bytes('1') },
        { key: b, equals: new Uint8Array(0) },
        { key: none, equals: undefined },
      ];
      await store.commit({ conditions, mutations });
      sameBytes((await store.get([none]))[0], bytes('2'), 'once all conditions hold');
    });
  });

  test('a call that is cancelled before it begins rejects and changes nothing', async () => {
    await subject.use(async (store) => {
      const key = keys()('k');
      const signal = AbortSignal.abort();
      await rejectsWith(store.commit({ conditions: [], mutations: [put(key, bytes('1'))] }, { signal }), 'cancelled');
      await rejectsWith(store.get([key], { signal }), 'cancelled');
      await rejectsWith(collect(store.scan(prefixRange(key), { signal })), 'cancelled');
      sameBytes((await store.get([key]))[0], undefined, 'after the cancelled commit');
    });
  });
}

const MANY = 3500;

async function writeMany(store: DataStore, key: (suffix: string) => Uint8Array): Promise<void> {
  const name = (index: number) => key(String(index).padStart(6, '0'));
  const mutations = Array.from({ length: MANY }, (_, index) => put(name(index), pattern(100, index)));
  await store.commit({ conditions: [], mutations });
}

function scanTests(test: TestApi['test'], subject: Subject<'data'>): void {
  test('a long scan comes in order, in batches that are neither empty nor large', async () => {
    await subject.use(async (store) => {
      const key = keys();
      await writeMany(store, key);
      for (const reverse of [false, true]) {
        const batches = await collect(store.scan(prefixRange(key('')), { reverse }));
        for (const batch of batches) assert.ok(batch.length > 0 && batch.length <= 2000, `a batch of ${batch.length}`);
        const found = batches.flat();
        assert.equal(found.length, MANY);
        for (const [index, entry] of found.entries()) {
          const number = reverse ? MANY - 1 - index : index;
          sameBytes(entry.key, key(String(number).padStart(6, '0')), 'key');
          sameBytes(entry.value, pattern(100, number), 'value');
        }
      }
      const limited = (await collect(store.scan(prefixRange(key('')), { limit: 2300, keysOnly: true }))).flat();
      assert.equal(limited.length, 2300);
      assert.ok(limited.every((entry) => entry.value.length === 0));
      await store.commit({ conditions: [], mutations: [{ type: 'delete-range', range: prefixRange(key('')) }] });
      assert.deepEqual(await collect(store.scan(prefixRange(key('')))), []);
    });
  });

  test('scans that are left early free what they hold', async () => {
    await subject.use(async (store) => {
      const key = keys();
      await writeMany(store, key);
      for (let round = 0; round < 400; round += 1) {
        for await (const batch of store.scan(prefixRange(key('')))) {
          assert.ok(batch.length > 0);
          break;
        }
      }
      await write(store, [key('after'), bytes('1')]);
      const open = Array.from({ length: 30 }, () => store.scan(prefixRange(key('')))[Symbol.asyncIterator]());
      for (const scan of open) assert.equal((await scan.next()).done, false);
      await Promise.all(open.map((scan) => scan.return?.()));
      sameBytes((await store.get([key('after')]))[0], bytes('1'), 'after leaving them');
    });
  });

  test('a scan that is cancelled stops', async () => {
    await subject.use(async (store) => {
      const key = keys();
      await writeMany(store, key);
      const controller = new AbortController();
      const scan = store.scan(prefixRange(key('')), { signal: controller.signal })[Symbol.asyncIterator]();
      assert.equal((await scan.next()).done, false);
      controller.abort();
      const rest = (async () => {
        while (!(await scan.next()).done);
      })();
      await rejectsWith(rest, 'cancelled');
    });
  });
}

function limitTests(test: TestApi['test'], subject: Subject<'data'>): void {
  test('the largest keys, values and commits fit', async () => {
    await subject.use(async (store) => {
      const key = keys();
      const longest = Buffer.concat([key('k'), pattern(MAX_KEY_BYTES, 1)]).subarray(0, MAX_KEY_BYTES);
      const largest = pattern(MAX_VALUE_BYTES, 2);
      await write(store, [longest, largest]);
      sameBytes((await store.get([longest]))[0], largest, 'get');
      const [batch] = await collect(store.scan({ start: longest, end: key('l') }));
      sameBytes(batch![0]!.key, longest, 'scanned key');
      sameBytes(batch![0]!.value, largest, 'scanned value');
      await store.commit({
        conditions: [{ key: longest, equals: largest }],
        mutations: [{ type: 'delete', key: longest }],
      });
      const mutations = Array.from({ length: MAX_COMMIT_MUTATIONS }, (_, index) =>
        put(key(`many${index}`), pattern(20, index)),
      );
      await store.commit({ conditions: [], mutations });
      const last = MAX_COMMIT_MUTATIONS - 1;
      sameBytes((await store.get([key(`many${last}`)]))[0], pattern(20, last), 'the last of many');
      const large = Array.from({ length: 3 }, (_, index) => put(key(`large${index}`), pattern(MAX_VALUE_BYTES, index)));
      await store.commit({ conditions: [], mutations: large });
      sameBytes((await store.get([key('large2')]))[0], pattern(MAX_VALUE_BYTES, 2), 'the last of large ones');
      await store.commit({ conditions: [], mutations: [{ type: 'delete-range', range: prefixRange(key('')) }] });
    });
  });

  test('what is beyond the limits is refused or taken, never torn, and harms nothing', async () => {
    await subject.use(async (store) => {
      const key = keys();
      const bad = [
        put(new Uint8Array(0), bytes('1')),
        put(Buffer.concat([key('k'), new Uint8Array(MAX_KEY_BYTES * 8)]), bytes('1')),
        put(key('k'), new Uint8Array(MAX_VALUE_BYTES + 1)),
      ];
      for (const [index, mutation] of bad.entries()) {
        const before = put(key(`before${index}`), bytes('1'));
        const after = put(key(`after${index}`), bytes('1'));
        const commit = store.commit({ conditions: [], mutations: [before, mutation, after] });
        await mayRejectWith(commit, 'invalid-argument', 'too-large', 'limit-exceeded');
        const [first, second] = await store.get([before.key, after.key]);
        assert.equal(first === undefined, second === undefined, 'a part of the commit is there');
      }
      await write(store, [key('fine'), bytes('1')]);
      sameBytes((await store.get([key('fine')]))[0], bytes('1'), 'afterwards');
      await store.commit({ conditions: [], mutations: [{ type: 'delete-range', range: prefixRange(key('')) }] });
    });
  });
}
