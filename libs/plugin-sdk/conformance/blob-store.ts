import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { BlobInfo, BlobStore } from '../src/index.ts';
import { putBlob, readBlob } from './blob-calls.ts';
import { blobCrashTests } from './blob-crash.ts';
import { blobJoinTests } from './blob-join.ts';
import { blobPutTests } from './blob-put.ts';
import { driverTests } from './driver.ts';
import {
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

/** Checks a blob store against the obligations of `BlobStore`. */
export function blobStoreSuite(options: SuiteOptions<'blob'>): void {
  heading(options, (test, subject) => {
    driverTests(test, subject, 'blob');
    blobPutTests(test, subject);
    blobJoinTests(test, subject);
    getTests(test, subject);
    listTests(test, subject);
    modelTest(test, subject);
    blobCrashTests(test, subject);
  });
}

async function listKeys(store: BlobStore, prefix: string, after?: string): Promise<string[]> {
  const batches = await collect(store.list({ prefix, after }));
  for (const batch of batches) assert.ok(batch.length > 0 && batch.length <= 10_000, `a batch of ${batch.length}`);
  return batches.flat().map((info: BlobInfo) => info.key);
}

function getTests(test: TestApi['test'], subject: Subject<'blob'>): void {
  test('getSmall, where it is there, gives whole contents in order, or leaves them to get', async () => {
    await subject.use(async (store) => {
      if (store.getSmall === undefined) return;
      const top = uniqueName();
      const sizes = [0, 1, 300_000, 900, 2_000_000, 5000];
      for (const size of sizes) await putBlob(store, `${top}/${size}`, pattern(size, size));
      const asked = [...sizes, 7, 1];
      const found = await store.getSmall(asked.map((size) => `${top}/${size}`));
      assert.equal(found.length, asked.length);
      for (const [i, size] of asked.entries()) {
        const content = found[i];
        if (content === undefined) continue;
        assert.ok(size <= 1024 * 1024 && sizes.includes(size), `${size} octets are not small, or not there`);
        sameBytes(content, pattern(size, size), `${size} octets`);
      }
      assert.deepEqual(await store.getSmall([]), []);
      await store.delete(sizes.map((size) => `${top}/${size}`));
      const gone = await store.getSmall(asked.map((size) => `${top}/${size}`));
      assert.ok(
        gone.every((content) => content === undefined),
        'what was deleted is gone',
      );
    });
  });

  test('get of a range gives these octets, clipped to the size', async () => {
    await subject.use(async (store) => {
      const key = `${uniqueName()}/range`;
      const content = pattern(200_000, 5);
      await putBlob(store, key, content);
      const position = fc.integer({ min: 0, max: 210_000 });
      await fc.assert(
        fc.asyncProperty(
          fc.option(position, { nil: undefined }),
          fc.option(position, { nil: undefined }),
          async (start, end) => {
            sameBytes(await readBlob(store, key, start, end), content.slice(start ?? 0, end), `${start} to ${end}`);
          },
        ),
        { numRuns: 40 },
      );
      await store.delete([key]);
    });
  });

  test('get of an absent key rejects with not-found, head gives nothing, delete does nothing', async () => {
    await subject.use(async (store) => {
      const key = `${uniqueName()}/none`;
      await rejectsWith(readBlob(store, key), 'not-found');
      await rejectsWith(readBlob(store, key, 1, 2), 'not-found');
      assert.equal(await store.head(key), undefined);
      await store.delete([key]);
      await store.delete([]);
    });
  });

  test('a get that is left early frees what it holds', async () => {
    await subject.use(async (store) => {
      const key = `${uniqueName()}/large`;
      const content = pattern(1_000_000, 6);
      await putBlob(store, key, content);
      for (let round = 0; round < 100; round += 1) {
        await Promise.all(
          Array.from({ length: 4 }, async () => {
            for await (const chunk of store.get(key)) {
              assert.ok(chunk.length > 0);
              break;
            }
          }),
        );
      }
      sameBytes(await readBlob(store, key), content, 'afterwards');
      await store.delete([key]);
    });
  });

  test('chunks of a large blob are bounded, and belong to the caller', async () => {
    await subject.use(async (store) => {
      const key = `${uniqueName()}/large`;
      const content = pattern(9_000_000, 7);
      await putBlob(store, key, content);
      let at = 0;
      const kept: Uint8Array[] = [];
      for await (const chunk of store.get(key)) {
        assert.ok(chunk.length <= 4 * 1024 * 1024, `a chunk of ${chunk.length} octets`);
        sameBytes(chunk, content.subarray(at, at + chunk.length), `chunk at ${at}`);
        at += chunk.length;
        kept.push(chunk);
      }
      sameBytes(Buffer.concat(kept), content, 'the chunks, after all were read');
      for (const chunk of kept) chunk.fill(0);
      sameBytes(await readBlob(store, key, 0, 1000), content.subarray(0, 1000), 'after the caller changed them');
      await store.delete([key]);
    });
  });

  test('a get that is cancelled stops', async () => {
    await subject.use(async (store) => {
      const key = `${uniqueName()}/large`;
      await putBlob(store, key, pattern(9_000_000, 8));
      await rejectsWith(collect(store.get(key, { signal: AbortSignal.abort() })), 'cancelled');
      const controller = new AbortController();
      const reading = async () => {
        for await (const chunk of store.get(key, { signal: controller.signal })) {
          assert.ok(chunk.length > 0);
          controller.abort();
        }
      };
      await rejectsWith(reading(), 'cancelled');
      await store.delete([key]);
    });
  });

  test('a deleted blob is gone, and its key can be used again', async () => {
    await subject.use(async (store) => {
      const keys = Array.from({ length: 40 }, (_, index) => `${uniqueName()}/${index}`);
      await Promise.all(keys.map((key) => putBlob(store, key, pattern(10, 1))));
      await store.delete(keys.slice(1));
      for (const key of keys.slice(1)) assert.equal(await store.head(key), undefined);
      await rejectsWith(readBlob(store, keys[1]!), 'not-found');
      assert.equal(await putBlob(store, keys[1]!, pattern(20, 2)), true);
      sameBytes(await readBlob(store, keys[1]!), pattern(20, 2), 'put again');
      await store.delete(keys);
    });
  });
}

function listTests(test: TestApi['test'], subject: Subject<'blob'>): void {
  test('list gives all keys with a prefix after a key, in order', async () => {
    await subject.use(async (store) => {
      const top = uniqueName();
      const long = 'x'.repeat(230);
      const levels = [
        'a',
        'a-b',
        'a.b',
        'a/b',
        'a/b/c',
        'a/b.c',
        'a0',
        'aB',
        'a_',
        'ab',
        'abc/d',
        'abcdef',
        'B',
        '0',
        '.a',
        '-',
        'Z/z',
        long,
        `${long}/y`,
        `${long}-`,
      ];
      const keys = levels.map((level) => `${top}/${level}`);
      await Promise.all(keys.map((key, index) => putBlob(store, key, pattern(index, index))));
      const sorted = [...keys].sort();
      assert.deepEqual(await listKeys(store, `${top}/`), sorted);
      for (const after of [...keys, `${top}/`, `${top}/aa`, `${top}/a/`, `${top}/~`]) {
        const found = await listKeys(store, `${top}/`, after);
        assert.deepEqual(
          found,
          sorted.filter((key) => key > after),
          `after ${after}`,
        );
      }
      for (const prefix of ['a', 'a/', 'a/b', 'ab', 'abc', 'x', 'nothing', long, '.']) {
        const found = await listKeys(store, `${top}/${prefix}`);
        assert.deepEqual(
          found,
          sorted.filter((key) => key.startsWith(`${top}/${prefix}`)),
          `prefix ${prefix}`,
        );
      }
      const [batch] = await collect(store.list({ prefix: `${top}/abcdef` }));
      const head = await store.head(`${top}/abcdef`);
      assert.deepEqual(batch, [head]);
      assert.equal(head?.size, levels.indexOf('abcdef'));
      assert.ok(Math.abs(head.modifiedAt - Date.now()) < 10 * 60_000, `modifiedAt is ${head.modifiedAt}`);
      await store.delete(keys);
      assert.deepEqual(await listKeys(store, top), []);
    });
  });

  test('list goes over many, and may be left early', async () => {
    await subject.use(async (store) => {
      const top = uniqueName();
      const keys = Array.from(
        { length: 1200 },
        (_, index) => `${top}/${Buffer.from(pattern(4, index)).toString('hex')}-${index}`,
      );
      for (let start = 0; start < keys.length; start += 100) {
        await Promise.all(keys.slice(start, start + 100).map((key) => putBlob(store, key, new Uint8Array(1))));
      }
      assert.deepEqual(await listKeys(store, `${top}/`), [...keys].sort());
      for await (const batch of store.list({ prefix: `${top}/` })) {
        assert.ok(batch.length > 0);
        break;
      }
      await store.delete(keys);
    });
  });

  test('what is no key is refused or taken, and harms nothing', async () => {
    await subject.use(async (store) => {
      const bad = ['', '/', '../x', 'a/../../x', './x', 'a//b', '/a', 'a/', 'a b', 'a\0b', 'ä', 'x'.repeat(513), '..'];
      for (const key of bad) {
        await mayRejectWith(store.put(key, [new Uint8Array(1)], { size: 1 }), 'invalid-argument');
        await mayRejectWith(store.delete([key]), 'invalid-argument');
      }
      await store.check();
    });
  });
}

function modelTest(test: TestApi['test'], subject: Subject<'blob'>): void {
  const names = fc.constantFrom('a', 'b', 'a/b', 'ab', 'a-', 'b/c/d');
  const steps = fc.array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          type: fc.constant('put' as const),
          name: names,
          size: fc.integer({ min: 0, max: 70_000 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), name: names }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('list' as const), name: names }) },
    ),
    { minLength: 1, maxLength: 15 },
  );

  test('behaves as a map that never replaces', async () => {
    await subject.use(async (store) => {
      await fc.assert(
        fc.asyncProperty(steps, async (plan) => {
          const top = uniqueName();
          const model = new Map<string, Uint8Array>();
          for (const [index, step] of plan.entries()) {
            const key = `${top}/${step.name}`;
            if (step.type === 'put') {
              const content = pattern(step.size, index);
              assert.equal(await putBlob(store, key, content), !model.has(key));
              if (!model.has(key)) model.set(key, content);
            } else if (step.type === 'delete') {
              await store.delete([key]);
              model.delete(key);
            } else {
              assert.deepEqual(
                await listKeys(store, key),
                [...model.keys()].filter((each) => each.startsWith(key)).sort(),
              );
            }
          }
          for (const [key, content] of model) sameBytes(await readBlob(store, key), content, key);
          await store.delete([...model.keys()]);
        }),
        { numRuns: 20 },
      );
    });
  });
}
