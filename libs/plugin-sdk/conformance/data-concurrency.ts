import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type DataCommit, type DataStore, hasCode } from '../src/index.ts';
import { type CommitPlan, commitPlans, DataModel, prefixRange, printEntries, toCommit } from './data-model.ts';
import { bytes, collect, type Subject, sameBytes, type TestApi, uniqueName } from './suite.ts';

/** A store may answer within the turn; the writers need turns of their own. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

const put = (key: Uint8Array, value: Uint8Array) => ({ type: 'put' as const, key, value });
const number = (value: Uint8Array | undefined) => (value === undefined ? 0 : Number(Buffer.from(value).toString()));

/** Reads a counter and commits its successor, again until no other writer came between. */
export async function incrementOnce(store: DataStore, key: Uint8Array): Promise<void> {
  for (;;) {
    const [current] = await store.get([key]);
    const mutations = [put(key, bytes(String(number(current) + 1)))];
    try {
      return await store.commit({ conditions: [{ key, equals: current }], mutations });
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw error;
    }
  }
}

export function dataConcurrencyTests(test: TestApi['test'], subject: Subject<'data'>): void {
  test('no update is lost: concurrent increments under a condition add up', async () => {
    await subject.use(async (store) => {
      const key = bytes(uniqueName());
      const writer = async () => {
        for (let round = 0; round < 12; round += 1) await incrementOnce(store, key);
      };
      await Promise.all(Array.from({ length: 8 }, writer));
      assert.equal(number((await store.get([key]))[0]), 96);
    });
  });

  test('one of several commits that create the same key wins', async () => {
    await subject.use(async (store) => {
      for (let round = 0; round < 10; round += 1) {
        const key = bytes(uniqueName());
        const writers = Array.from({ length: 10 }, (_, index) => bytes(String(index)));
        const outcomes = await Promise.allSettled(
          writers.map((value) =>
            store.commit({ conditions: [{ key, equals: undefined }], mutations: [put(key, value)] }),
          ),
        );
        const winners = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
        assert.equal(winners.length, 1);
        sameBytes((await store.get([key]))[0], writers[winners[0]!], 'the value of the winner');
      }
    });
  });

  test('concurrent commits are serialisable: some order of them explains all outcomes', async () => {
    await subject.use(async (store) => {
      const rounds = fc.array(fc.array(commitPlans(), { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(rounds, async (plan) => {
          const prefix = Buffer.from(uniqueName());
          let model = new DataModel();
          for (const round of plan) model = await runTogether(store, round, prefix, model);
        }),
        { numRuns: 25 },
      );
    });
  });

  test('get and scan see one snapshot while others write', async () => {
    await subject.use(async (store) => {
      const prefix = uniqueName();
      const keys = Array.from({ length: 2500 }, (_, index) => bytes(`${prefix}${String(index).padStart(5, '0')}`));
      const writeAll = (generation: number) =>
        store.commit({ conditions: [], mutations: keys.map((key) => put(key, bytes(String(generation)))) });
      await writeAll(0);
      let done = false;
      const writer = async () => {
        for (let generation = 1; generation <= 12; generation += 1) await writeAll(generation);
        done = true;
      };
      const reader = async () => {
        while (!done) {
          const found = await store.get([keys[0]!, keys.at(-1)!, keys[1200]!]);
          assert.equal(new Set(found.map(number)).size, 1, 'get saw parts of different commits');
          await nextTurn();
        }
      };
      const scanner = async (reverse: boolean) => {
        while (!done) {
          const generations = new Set<number>();
          let count = 0;
          for await (const batch of store.scan(prefixRange(bytes(prefix)), { reverse })) {
            for (const { value } of batch) generations.add(number(value));
            count += batch.length;
          }
          assert.equal(count, keys.length);
          assert.equal(generations.size, 1, 'a scan saw parts of different commits');
          await nextTurn();
        }
      };
      await Promise.all([writer(), reader(), scanner(false), scanner(true)]);
      await store.commit({ conditions: [], mutations: [{ type: 'delete-range', range: prefixRange(bytes(prefix)) }] });
    });
  });

  test('a scan that is under way does not see later commits', async () => {
    await subject.use(async (store) => {
      const prefix = uniqueName();
      const keys = Array.from({ length: 2500 }, (_, index) => bytes(`${prefix}${String(index).padStart(5, '0')}`));
      await store.commit({ conditions: [], mutations: keys.map((key) => put(key, bytes('old'))) });
      const scan = store.scan(prefixRange(bytes(prefix)))[Symbol.asyncIterator]();
      const entries = [...(await scan.next()).value!];
      await store.commit({
        conditions: [],
        mutations: [
          { type: 'delete-range', range: prefixRange(bytes(prefix)) },
          ...keys.map((key) => put(Buffer.concat([key, bytes('x')]), bytes('new'))),
        ],
      });
      for (let next = await scan.next(); !next.done; next = await scan.next()) entries.push(...next.value);
      assert.equal(entries.length, keys.length);
      assert.ok(entries.every(({ value }) => Buffer.from(value).toString() === 'old'));
      await store.commit({ conditions: [], mutations: [{ type: 'delete-range', range: prefixRange(bytes(prefix)) }] });
    });
  });

  test('get and scan see every commit that resolved before', async () => {
    await subject.use(async (store) => {
      const prefix = uniqueName();
      const client = async (id: number) => {
        const key = bytes(`${prefix}${id}`);
        for (let round = 0; round < 20; round += 1) {
          await store.commit({ conditions: [], mutations: [put(key, bytes(String(round)))] });
          const seen =
            round % 2 === 0 ? (await store.get([key]))[0] : (await collect(store.scan(prefixRange(key))))[0]![0]!.value;
          assert.equal(number(seen), round, 'a resolved commit is not seen');
        }
      };
      await Promise.all(Array.from({ length: 6 }, (_, id) => client(id)));
    });
  });

  if (subject.capabilities.shared === 'process') return;
  test('two instances on one store see each other and lose no update', async () => {
    await subject.use((one) =>
      subject.use(async (two) => {
        const key = bytes(uniqueName());
        for (let round = 0; round < 20; round += 1) {
          const [writer, reader] = round % 2 === 0 ? [one, two] : [two, one];
          await writer.commit({ conditions: [], mutations: [put(key, bytes(String(round)))] });
          assert.equal(number((await reader.get([key]))[0]), round);
        }
        const counter = bytes(uniqueName());
        const clients = [one, two, one, two].map(async (store) => {
          for (let round = 0; round < 15; round += 1) await incrementOnce(store, counter);
        });
        await Promise.all(clients);
        assert.equal(number((await one.get([counter]))[0]), 60);
      }),
    );
  });
}

async function runTogether(
  store: DataStore,
  plans: readonly CommitPlan[],
  prefix: Uint8Array,
  model: DataModel,
): Promise<DataModel> {
  const commits = plans.map((plan) => toCommit(plan, prefix, model));
  const outcomes = await Promise.all(
    commits.map((commit) =>
      store.commit(commit).then(
        () => true,
        (error) => {
          assert.ok(hasCode(error, 'conflict'), `rejected with ${error}`);
          return false;
        },
      ),
    ),
  );
  const range = prefixRange(prefix);
  const after = printEntries((await collect(store.scan(range))).flat()).join();
  for (const order of permutations(commits.map((_, index) => index))) {
    const candidate = model.copy();
    const explains = order.every((index) => candidate.commit(commits[index] as DataCommit) === outcomes[index]);
    if (explains && printEntries(candidate.scan(range, {})).join() === after) return candidate;
  }
  assert.fail('no order of the commits explains their outcomes and the content');
}

function* permutations(items: readonly number[]): Generator<number[]> {
  if (items.length === 0) yield [];
  for (const item of items) {
    for (const rest of permutations(items.filter((other) => other !== item))) yield [item, ...rest];
  }
}
