import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import type { DataStore } from '../src/index.ts';
import { runAndKill, runTogether } from './child.ts';
import { prefixRange } from './data-model.ts';
import { bytes, collect, hex, type Subject, sameBytes, type TestApi, uniqueName } from './suite.ts';
import { counterKey, INCREMENTS, rowsOf, WRITERS } from './workloads.ts';

const KILLS = 3;

export function dataCrashTests(test: TestApi['test'], subject: Subject<'data'>): void {
  if (subject.crash === undefined) return;

  test('what was acknowledged survives SIGKILL, and nothing is torn', async () => {
    for (let round = 0; round < KILLS; round += 1) {
      const prefix = uniqueName();
      const acknowledged = await runAndKill(subject, 'data', prefix, randomInt(1, 400));
      await subject.use((store) => verify(store, prefix, acknowledged));
    }
  });

  if (subject.capabilities.shared === 'process') return;
  test('several processes on one store lose no update', async () => {
    const key = uniqueName();
    await runTogether(subject, 'increment', key, 2);
    await subject.use(async (store) =>
      sameBytes((await store.get([bytes(key)]))[0], bytes(String(2 * INCREMENTS)), 'sum'),
    );
  });
}

async function verify(store: DataStore, prefix: string, acknowledged: readonly string[]): Promise<void> {
  const last = new Map<number, number>();
  for (const line of acknowledged) {
    const [writer, index] = line.split(' ').map(Number) as [number, number];
    last.set(writer, Math.max(index, last.get(writer) ?? -1));
  }
  for (let writer = 0; writer < WRITERS; writer += 1) {
    const [value] = await store.get([counterKey(prefix, writer)]);
    const count = value === undefined ? 0 : Number(Buffer.from(value).toString());
    assert.ok(
      count > (last.get(writer) ?? -1),
      `writer ${writer}: ${last.get(writer)} was acknowledged, ${count} are there`,
    );
    // At most the one commit that was under way may be there without acknowledgement.
    assert.ok(count <= (last.get(writer) ?? -1) + 2, `writer ${writer}: more commits than were made`);
    const found = (await collect(store.scan(prefixRange(bytes(`${prefix}/${writer}/row/`))))).flat();
    const expected = Array.from({ length: count }, (_, index) => rowsOf(prefix, writer, index)).flat();
    assert.equal(found.length, expected.length, `writer ${writer}: a torn commit`);
    for (const [index, [key, content]] of expected.entries()) {
      assert.equal(hex(found[index]!.key), hex(key));
      sameBytes(found[index]!.value, content, 'a row');
    }
  }
  await store.commit({ conditions: [], mutations: [{ type: 'delete-range', range: prefixRange(bytes(prefix)) }] });
}
