import assert from 'node:assert/strict';
import { putBlob, readBlob } from './blob-calls.ts';
import { collect, pattern, rejectsWith, type Subject, sameBytes, type TestApi, uniqueName } from './suite.ts';

/** Pieces of the sizes 1, 2, 4 … */
async function* pieces(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0, size = 1; at < content.length; at += size >> 1) {
    yield content.subarray(at, at + size);
    size *= 2;
  }
}

/** A source that goes on when the test says so. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

export function blobPutTests(test: TestApi['test'], subject: Subject<'blob'>): void {
  test('put then get gives the same octets, whatever the size', async () => {
    await subject.use(async (store) => {
      const top = uniqueName();
      for (const size of [0, 1, 4096, 65_535, 65_536, 65_537, 1_048_577, 8_388_608]) {
        const content = pattern(size, size);
        const key = `${top}/${size}`;
        assert.deepEqual(await store.put(key, pieces(content), { size }), { created: true });
        sameBytes(await readBlob(store, key), content, `${size} octets`);
        assert.equal((await store.head(key))?.size, size);
      }
      await store.delete((await collect(store.list({ prefix: `${top}/` }))).flat().map(({ key }) => key));
    });
  });

  test('the content of a key never changes', async () => {
    await subject.use(async (store) => {
      const key = `${uniqueName()}/once`;
      assert.equal(await putBlob(store, key, pattern(5000, 1)), true);
      assert.equal(await putBlob(store, key, pattern(5000, 1)), false);
      assert.equal(await putBlob(store, key, pattern(300_000, 2)), false);
      sameBytes(await readBlob(store, key), pattern(5000, 1), 'the first content');
      await store.delete([key]);
    });
  });

  test('one content wins when several put the same key', async () => {
    await subject.use(async (store) => {
      for (let round = 0; round < 8; round += 1) {
        const key = `${uniqueName()}/race`;
        const contents = Array.from({ length: 6 }, (_, index) => pattern(20_000, index));
        const created = await Promise.all(contents.map((content) => putBlob(store, key, content)));
        const winners = created.flatMap((won, index) => (won ? [index] : []));
        const found = await readBlob(store, key);
        if (subject.capabilities.conditionalCreate) {
          assert.equal(winners.length, 1, `${winners.length} calls of put report that they created the blob`);
          sameBytes(found, contents[winners[0]!], 'the content of the winner');
        } else {
          assert.ok(winners.length >= 1);
          assert.ok(
            contents.some((content) => Buffer.compare(content, found) === 0),
            'a mixture',
          );
        }
        await store.delete([key]);
      }
    });
  });

  test('a put whose source has another size rejects and stores nothing', async () => {
    await subject.use(async (store) => {
      const key = `${uniqueName()}/size`;
      for (const [announced, actual] of [
        [10, 9],
        [10, 11],
        [0, 1],
        [1, 0],
        [400_000, 399_999],
        [400_000, 400_001],
      ]) {
        const put = store.put(key, [pattern(actual!, 1)], { size: announced! });
        await rejectsWith(put, 'invalid-argument');
        assert.equal(await store.head(key), undefined);
      }
      assert.equal(await putBlob(store, key, pattern(10, 1)), true);
      await store.delete([key]);
    });
  });

  test('a put whose source fails rejects and stores nothing', async () => {
    await subject.use(async (store) => {
      const key = `${uniqueName()}/source`;
      for (const size of [20, 2_000_000]) {
        const failing = async function* () {
          yield pattern(size / 2, 1);
          throw new Error('the source failed');
        };
        await assert.rejects(store.put(key, failing(), { size }));
        assert.equal(await store.head(key), undefined);
      }
      assert.equal(await putBlob(store, key, pattern(10, 1)), true);
      await store.delete([key]);
    });
  });

  test('nothing is to be seen before the whole content is there', async () => {
    await subject.use(async (store) => {
      for (const size of [2000, 2_000_000]) {
        const key = `${uniqueName()}/slow`;
        const [reached, goOn] = [gate(), gate()];
        const slow = async function* () {
          yield pattern(size / 2, 1);
          reached.open();
          await goOn.opened;
          yield pattern(size / 2, 2);
        };
        const put = store.put(key, slow(), { size });
        await reached.opened;
        assert.equal(await store.head(key), undefined);
        await rejectsWith(readBlob(store, key), 'not-found');
        assert.deepEqual(await collect(store.list({ prefix: key })), []);
        goOn.open();
        assert.deepEqual(await put, { created: true });
        assert.equal((await store.head(key))?.size, size);
        await store.delete([key]);
      }
    });
  });

  test('a put that is cancelled rejects and stores nothing', async () => {
    await subject.use(async (store) => {
      const key = `${uniqueName()}/cancelled`;
      await rejectsWith(store.put(key, [pattern(10, 1)], { size: 10, signal: AbortSignal.abort() }), 'cancelled');
      const controller = new AbortController();
      const source = async function* () {
        yield pattern(1_000_000, 1);
        controller.abort();
        yield pattern(1_000_000, 2);
      };
      await rejectsWith(store.put(key, source(), { size: 2_000_000, signal: controller.signal }), 'cancelled');
      assert.equal(await store.head(key), undefined);
    });
  });

  test('what was put is there after closing and opening', async () => {
    const key = `${uniqueName()}/kept`;
    await subject.use((store) => putBlob(store, key, pattern(5000, 3)));
    await subject.use(async (store) => {
      sameBytes(await readBlob(store, key), pattern(5000, 3), 'after opening');
      await store.delete([key]);
    });
  });
}
