import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readBlob } from './blob-calls.ts';
import { runAndKill, runTogether } from './child.ts';
import { collect, type Subject, sameBytes, type TestApi, uniqueName } from './suite.ts';
import { blobOf, INCREMENTS } from './workloads.ts';

const KILLS = 3;

export function blobCrashTests(test: TestApi['test'], subject: Subject<'blob'>): void {
  if (subject.crash === undefined) return;

  test('what was acknowledged survives SIGKILL, and no blob is torn', async () => {
    for (let round = 0; round < KILLS; round += 1) {
      const prefix = uniqueName();
      const acknowledged = await runAndKill(subject, 'blob', prefix, randomInt(1, 200));
      await subject.use(async (store) => {
        const found = (await collect(store.list({ prefix: `${prefix}/` }))).flat().map(({ key }) => key);
        const keys = new Set(found);
        for (const line of acknowledged) {
          const [writer, index] = line.split(' ').map(Number) as [number, number];
          assert.ok(keys.has(blobOf(prefix, writer, index)[0]), `blob ${line} was acknowledged and is not there`);
        }
        for (const key of keys) {
          const [writer, index] = key
            .slice(prefix.length + 1)
            .split('-')
            .map(Number) as [number, number];
          sameBytes(await readBlob(store, key), blobOf(prefix, writer, index)[1], key);
        }
        await store.delete(found);
      });
    }
  });

  test('of several processes that put the same keys, one creates each', async () => {
    // Of a composite only the open store knows what it is made of.
    await subject.use((store) => store.check());
    if (subject.capabilities.shared === 'process') return;
    const prefix = uniqueName();
    await runTogether(subject, 'createBlobs', prefix, 2);
    await subject.use(async (store) => {
      const created = (await collect(store.list({ prefix: `${prefix}-created/` }))).flat().map(({ key }) => key);
      if (subject.capabilities.conditionalCreate) assert.equal(created.length, INCREMENTS);
      assert.equal(new Set(created.map((key) => key.split('/')[1])).size, INCREMENTS);
      await store.delete([
        ...created,
        ...Array.from({ length: INCREMENTS }, (_, index) => blobOf(prefix, 0, index)[0]),
      ]);
    });
  });
}
