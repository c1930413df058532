import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storage } from '@stoa/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressesOf, type Backends, startBackends, storesToml } from '../../tools/cluster/backends.ts';
import { freeNodes, LocalCluster, type Node } from '../../tools/cluster/local-cluster.ts';
import { clusterClient } from '../support/cluster-client.ts';
import { AppendLoad, connect, digest, type Load, SmtpLoad } from '../support/load.ts';
import { serversMissing } from '../support/missing.ts';
import { type S3Fault, type S3Mood, startS3Fault } from '../support/s3-fault.ts';

const PASSWORD = 'a good password';
const SMALL = 600;
/** More than lies in the data store. */
const LARGE = 150_000;
/** How long PostgreSQL and Redis are away: longer than a writer needs to come again. */
const AWAY_MS = 5_000;
const OUTAGE_MS = 10_000;
const RECOVERY = { timeout: 20_000 };

const account = (name: string) => `${name}@example.test`;
const bodyOf = (source: Buffer) => source.subarray(source.indexOf('\r\n\r\n') + 4);

interface Health {
  code: number;
  body: { status: string; services: Record<string, string>; degraded?: Record<string, string> };
}

describe.skipIf(serversMissing('postgres', 'redis', 'nats', 's3'))('a cluster whose stores fail under load', () => {
  let folder: string;
  let backends: Backends;
  let fault: S3Fault;
  let cluster: LocalCluster;
  let pids: number[];
  let loads: { small: Load[]; large: Load[] };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-outage-'));
    // The bus is on a server of its own: what Redis takes away with it is the memory store alone.
    backends = await startBackends({ bus: 'nats', jaeger: false });
    fault = await startS3Fault(backends.s3.endpoint);
    const addresses = addressesOf(backends);
    const toml = storesToml({ ...addresses, s3: { ...addresses.s3, endpoint: fault.endpoint } });
    cluster = LocalCluster.prepare({
      folder,
      nodes: await freeNodes(2),
      // Shorter than the outage, so that clients see it.
      toml: toml.replace('[blob.outer]', '[blob.outer]\nretry-deadline = "3s"\nrequest-timeout = "2s"'),
    });
    await cluster.startAll();
    pids = cluster.processes.map(({ pid }) => pid);
    await using directory = clusterClient(cluster, storage.DirectoryServiceDefinition);
    await directory.client.createDomain({ name: 'example.test' });
    for (const name of ['alice', 'bob']) {
      await directory.client.createAccount({ address: account(name), password: PASSWORD });
    }
    const [first, second] = cluster.nodes as [Node, Node];
    const at = (node: Node, name: string, size: number) => ({ node, account: account(name), password: PASSWORD, size });
    loads = {
      small: [new SmtpLoad(at(first, 'alice', SMALL)), new AppendLoad(at(second, 'bob', SMALL))],
      large: [new SmtpLoad(at(second, 'alice', LARGE)), new AppendLoad(at(first, 'bob', LARGE))],
    };
    for (const load of all()) load.start();
  });
  afterAll(async () => {
    await cluster?.stop('SIGKILL');
    await fault?.stop();
    await backends?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const all = () => [...loads.small, ...loads.large];

  /** Each of them is acknowledged some more, in time. */
  async function progress(which: readonly Load[]): Promise<void> {
    const before = which.map(({ acknowledged }) => acknowledged.length);
    await expect
      .poll(() => which.map((load, i) => load.acknowledged.length - (before[i] as number) >= 3), RECOVERY)
      .toEqual(which.map(() => true));
  }

  /** Each of them was refused since then, and only in words that mean "try again". */
  async function refusedForNow(which: readonly Load[], since: readonly number[]): Promise<void> {
    const refusals = () =>
      which.map((load, i) => load.outcomes.slice(since[i]).filter(({ acknowledged }) => !acknowledged));
    await expect.poll(() => refusals().map(({ length }) => length > 0), RECOVERY).toEqual(which.map(() => true));
  }

  const counts = (which: readonly Load[]) => which.map(({ outcomes }) => outcomes.length);

  async function health(nodeId: string): Promise<Health> {
    const response = await fetch(`http://${cluster.process(nodeId, 'store-router').addresses['http']}/health/ready`);
    return { code: response.status, body: (await response.json()) as Health['body'] };
  }

  /** The store-router of every node says so, in time. */
  async function everyHealth(expected: object): Promise<void> {
    for (const { id } of cluster.nodes) await expect.poll(() => health(id), RECOVERY).toMatchObject(expected);
  }

  const ready = { code: 200, body: { status: 'ready' } };
  const degradedBy = (kind: string) => ({
    code: 200,
    body: { status: 'degraded', degraded: { 'store-router': expect.stringContaining(`the ${kind} store: `) } },
  });
  const until = (time: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, time - Date.now())));

  /** Failed calls of a kind of store that the store-routers counted. */
  async function failures(kind: string): Promise<number> {
    let sum = 0;
    for (const { id } of cluster.nodes) {
      const { addresses } = cluster.process(id, 'store-router');
      const metrics = await (await fetch(`http://${addresses['http']}/metrics`)).text();
      for (const [line, value] of metrics.matchAll(/^stoa_driver_call_errors_total\{.*\} (\d+)$/gm)) {
        if (line.includes(`"${kind}"`) && /unavailable|deadline/.test(line)) sum += Number(value);
      }
    }
    return sum;
  }

  it('PostgreSQL killed and started again', { timeout: 90_000 }, async () => {
    await progress(all());
    const since = counts(all());
    const failedBefore = await failures('data');
    await backends.postgres.kill();
    const back = Date.now() + AWAY_MS;
    const away = expect.stringMatching(/^(unavailable|deadline-exceeded)$/);
    await everyHealth({ code: 503, body: { status: 'not ready', services: { 'store-router': away } } });
    await refusedForNow(all(), since);
    // Nothing can be durable now, so nothing may be acknowledged.
    const acknowledged = all().map((load) => load.acknowledged.length);
    await until(back);
    expect(all().map((load) => load.acknowledged.length)).toEqual(acknowledged);
    expect(await failures('data')).toBeGreaterThan(failedBefore);
    await backends.postgres.restart();
    await progress(all());
    await everyHealth(ready);
  });

  it('Redis killed and started again: mail goes on', { timeout: 90_000 }, async () => {
    const failedBefore = await failures('memory');
    await backends.redis.kill();
    const back = Date.now() + AWAY_MS;
    await progress(all());
    const client = await connect({ node: cluster.nodes[0] as Node, account: account('alice'), password: PASSWORD });
    await client.logout();
    await everyHealth(degradedBy('memory'));
    expect(await failures('memory')).toBeGreaterThan(failedBefore);
    await until(back);
    await backends.redis.restart();
    await everyHealth(ready);
    await progress(all());
  });

  it.each<[S3Mood]>([['overloaded'], ['silent']])('S3 is %s: small mail goes on', { timeout: 90_000 }, async (mood) => {
    const since = counts(loads.large);
    const failedBefore = await failures('blob');
    fault.mood = mood;
    const well = Date.now() + OUTAGE_MS;
    await progress(loads.small);
    await everyHealth(degradedBy('blob'));
    await refusedForNow(loads.large, since);
    const client = await connect({ node: cluster.nodes[1] as Node, account: account('bob'), password: PASSWORD });
    await client.mailboxOpen('INBOX');
    const [large] = (await client.search({ larger: LARGE })) as number[];
    await expect(client.fetchOne(String(large), { source: true })).rejects.toMatchObject({
      response: { command: 'NO', attributes: [{ section: [{ value: 'UNAVAILABLE' }] }, {}] },
    });
    client.close();
    expect(await failures('blob')).toBeGreaterThan(failedBefore);
    await until(well);
    fault.mood = 'well';
    await progress(all());
    await everyHealth(ready);
  });

  it('leaves every acknowledged message there once, and no process had to be started anew', async () => {
    await Promise.all(all().map((load) => load.stop()));
    // A process that ended keeps its id.
    expect(cluster.processes.filter(({ running }) => !running).map(({ services }) => services)).toEqual([]);
    expect(cluster.processes.map(({ pid }) => pid)).toEqual(pids);
    const replies = new Set(
      all()
        .flatMap(({ outcomes }) => outcomes.filter((one) => !one.acknowledged))
        .map((one) => one.reply),
    );
    expect([...replies].filter((reply) => !/^(4\d\d |NO \[UNAVAILABLE\] )/.test(reply))).toEqual([]);
    const attempted = all().flatMap(({ outcomes }) => outcomes.map((outcome) => outcome.digest));
    const found = new Map<string, number>();
    for (const name of ['alice', 'bob']) {
      const client = await connect({ node: cluster.nodes[0] as Node, account: account(name), password: PASSWORD });
      await client.mailboxOpen('INBOX');
      for await (const { source } of client.fetch('1:*', { source: true })) {
        const sum = digest(bodyOf(source as Buffer));
        found.set(sum, (found.get(sum) ?? 0) + 1);
      }
      client.close();
    }
    expect(
      all()
        .flatMap(({ acknowledged }) => acknowledged)
        .filter((sum) => found.get(sum) !== 1),
    ).toEqual([]);
    expect(attempted.filter((sum) => (found.get(sum) ?? 0) > 1)).toEqual([]);
  });
});
