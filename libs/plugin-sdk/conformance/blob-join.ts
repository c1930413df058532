import assert from 'node:assert/strict';
import { type BlobStore, FIRST_DRIVER_KEY, MAX_VALUE_BYTES } from '../src/index.ts';
import { putBlob, readBlob } from './blob-calls.ts';
import { bytes, collect, pattern, rejectsWith, type Subject, sameBytes, type TestApi, uniqueName } from './suite.ts';

const SIZES = [0, 1, 5000, 60_000, 300_000, 2_000_000];

/** Of stores with the capability `joinsCommit`. */
export function blobJoinTests(test: TestApi['test'], subject: Subject<'blob'>): void {
  test('what joins a commit is stored when the commit is, whole, and as if it had been put', async () => {
    await subject.use(async (store, stores) => {
      if (!joins(subject, store)) return;
      const { driver: data } = await stores!.own('data');
      const top = uniqueName();
      let joined = 0;
      for (const size of SIZES) {
        const [key, content] = [`${top}/${size}`, pattern(size, size)];
        const mutations = store.join(key, content);
        if (mutations === undefined) continue;
        joined += 1;
        for (const mutation of mutations) {
          assert.equal(mutation.type, 'put');
          if (mutation.type !== 'put') continue;
          assert.ok(mutation.key[0]! >= FIRST_DRIVER_KEY, 'a row among those of Stoa itself');
          assert.ok(mutation.value.length <= MAX_VALUE_BYTES && mutations.length < 100);
        }
        assert.equal(await store.head(key), undefined);
        await rejectsWith(readBlob(store, key), 'not-found');
        await data.commit({ conditions: [], mutations });
        sameBytes(await readBlob(store, key), content, `${size} octets`);
        sameBytes(await readBlob(store, key, 1, 900), content.slice(1, 900), 'a range');
        assert.equal((await store.head(key))?.size, size);
        assert.equal(await putBlob(store, key, content), false);
      }
      assert.ok(joined > 0, 'nothing joins a commit');
      const found = (await collect(store.list({ prefix: `${top}/` }))).flat();
      assert.equal(found.length, joined);
      for (const info of found) assert.deepEqual(await store.head(info.key), info);
      await store.delete(found.map(({ key }) => key));
      assert.deepEqual(await collect(store.list({ prefix: top })), []);
    });
  });

  test('what joins a commit that fails is not stored, and what is stored may join once more', async () => {
    await subject.use(async (store, stores) => {
      if (!joins(subject, store)) return;
      const { driver: data } = await stores!.own('data');
      const top = uniqueName();
      const [key, content, guard] = [`${top}/a`, pattern(500, 1), bytes(`${top}-guard`)];
      const mutations = () => store.join(key, content)!;
      const failing = data.commit({ conditions: [{ key: guard, equals: guard }], mutations: mutations() });
      await rejectsWith(failing, 'conflict');
      assert.equal(await store.head(key), undefined);
      assert.equal(await putBlob(store, key, content), true);
      await Promise.all([1, 2, 3].map(() => data.commit({ conditions: [], mutations: mutations() })));
      sameBytes(await readBlob(store, key), content, 'joined again');
      assert.deepEqual((await collect(store.list({ prefix: `${top}/` }))).flat(), [await store.head(key)]);
      await store.delete([key]);
      await rejectsWith(readBlob(store, key), 'not-found');
    });
  });
}

type Joining = BlobStore & Required<Pick<BlobStore, 'join'>>;

/** A store has the method if, and only if, it says so. */
function joins(subject: Subject<'blob'>, store: BlobStore): store is Joining {
  const declared = subject.capabilities.joinsCommit === true;
  assert.equal(typeof store.join === 'function', declared, 'capabilities.joinsCommit');
  return declared;
}
