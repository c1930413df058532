import type { MemoryStore } from '@stoa/plugin-sdk';
import { startRedis, startRedisCluster, startRedisSentinel, until } from '@stoa/test-servers';
import { afterEach, describe, expect, it } from 'vitest';
import { isServed, LONG, octets, openStore } from './store.test-support.ts';

const FAST = {
  heartbeat: '200ms',
  'command-timeout': '500ms',
  'connect-timeout': '1000ms',
  'reconnect-wait': '200ms',
  'reconnect-max': '200ms',
};

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function opened(config: object): Promise<MemoryStore> {
  const store = await openStore({ ...FAST, ...config });
  undo.push(() => store.close());
  return store;
}

const served = (store: MemoryStore, key = 'key') =>
  until(`the store serves "${key}"`, () => isServed(store.set(key, octets('1'), LONG)));

const refused = (store: MemoryStore, key = 'key') =>
  until(`the store refuses "${key}"`, async () => !(await isServed(store.set(key, octets('1'), LONG))));

describe('a single Redis', () => {
  it('killed: every call is unavailable; started again: served, scripts included', async () => {
    const server = await startRedis();
    undo.push(() => server.stop());
    const store = await opened({ url: server.url });
    await store.set('key', octets('1'), LONG);
    expect(await store.increment('counter', 5, LONG)).toBe(5);
    await server.kill();
    const calls = [
      store.get('key'),
      store.set('key', octets('2'), LONG),
      store.add('key', octets('2'), LONG),
      store.compareAndSet('key', octets('1'), octets('2'), LONG),
      store.increment('counter', 1, LONG),
      store.delete(['key']),
      store.deletePrefix?.('k'),
      store.check(),
    ];
    for (const result of await Promise.allSettled(calls))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'unavailable', retryable: true } });
    await server.restart();
    await served(store);
    expect(await store.compareAndSet('key', octets('1'), octets('2'), LONG)).toBe(true);
    expect(await store.increment('counter', 1, LONG)).toBe(1);
    await store.check();
  });

  it('that falls silent is unavailable, then served again without a restart', async () => {
    const server = await startRedis();
    undo.push(() => server.stop());
    const store = await opened({ url: server.url });
    await store.set('key', octets('1'), LONG);
    server.signal('SIGSTOP');
    try {
      const results = await Promise.allSettled([store.get('key'), store.check(), store.deletePrefix?.('k')]);
      for (const result of results)
        expect(result).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
    } finally {
      server.signal('SIGCONT');
    }
    await served(store);
  });

  it('whose memory is used up refuses what needs more, with an error of its own', async () => {
    const server = await startRedis({ args: ['--maxmemory', '5mb', '--maxmemory-policy', 'noeviction'] });
    undo.push(() => server.stop());
    const store = await opened({ url: server.url });
    const fill = async () => {
      for (let number = 0; number < 100; number += 1) await store.set(`k${number}`, new Uint8Array(500_000), LONG);
    };
    await expect(fill()).rejects.toMatchObject({ code: 'resource-exhausted', retryable: true });
    await store.deletePrefix?.('k');
    await store.set('key', octets('1'), LONG);
  });

  it('a counter stays where JavaScript can count, and a value is no counter', async () => {
    const server = await startRedis();
    undo.push(() => server.stop());
    const store = await opened({ url: server.url });
    const most = Number.MAX_SAFE_INTEGER;
    expect(await store.increment('counter', most, LONG)).toBe(most);
    await expect(store.increment('counter', 1, LONG)).rejects.toMatchObject({ code: 'failed-precondition' });
    expect(await store.increment('counter', -1, LONG)).toBe(most - 1);
    await store.set('key', octets('text'), LONG);
    await expect(store.increment('key', 1, LONG)).rejects.toMatchObject({ code: 'failed-precondition' });
  });

  it('keeps the keys of others: the prefix and the database are its own', async () => {
    const server = await startRedis();
    undo.push(() => server.stop());
    const [store, other] = [await opened({ url: server.url }), await opened({ url: server.url, prefix: 'other:' })];
    const elsewhere = await opened({ url: `${server.url}/5` });
    for (const each of [store, other, elsewhere]) await each.set('key', octets('1'), LONG);
    server.cli('set', 'foreign', '1');
    await store.deletePrefix?.('');
    expect(await store.get('key')).toBeUndefined();
    expect(await other.get('key')).toBeDefined();
    expect(await elsewhere.get('key')).toBeDefined();
    expect(server.cli('get', 'foreign')).toBe('1');
  });
});

describe('Sentinels', () => {
  it('name a new master when the old one is killed: unavailable meanwhile, then served', async () => {
    const { sentinels, name, master, replica, stop } = await startRedisSentinel();
    undo.push(stop);
    const store = await opened({ sentinels: sentinels.map(({ host, port }) => `${host}:${port}`), master: name });
    await store.set('key', octets('1'), LONG);
    await master.kill();
    await refused(store);
    await served(store);
    expect(replica.cli('get', 'stoa:key')).toBe('1');
    await store.check();
  }, 60_000);
});

describe('a cluster', () => {
  const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`);

  it('whose master is killed goes on with its replica; the other masters serve meanwhile', async () => {
    const { nodes, stop } = await startRedisCluster({ replicas: 1 });
    undo.push(stop);
    await until('the replicas follow their masters', () =>
      nodes.slice(3).every((node) => node.cli('info', 'replication').includes('master_link_status:up')),
    );
    const store = await opened({ cluster: nodes.map(({ host, port }) => `${host}:${port}`) });
    for (const key of keys) await store.set(key, octets('1'), LONG);
    const master = nodes.find((node) => node.cli('info', 'replication').includes('role:master'));
    await master?.kill();
    const results = await Promise.all(keys.map((key) => isServed(store.get(key))));
    expect(results).toContain(true);
    expect(results).toContain(false);
    for (const key of keys) await served(store, key);
    await until('the whole cluster is there', () => isServed(store.deletePrefix?.('key-') ?? Promise.resolve()));
    for (const key of keys) expect(await store.get(key)).toBeUndefined();
  }, 60_000);

  it('without a replica lacks the keys of a dead master until it comes back', async () => {
    const { nodes, stop } = await startRedisCluster();
    undo.push(stop);
    const store = await opened({ cluster: nodes.map(({ host, port }) => `${host}:${port}`) });
    for (const key of keys) await store.set(key, octets('1'), LONG);
    await store.check();
    const dead = nodes[1];
    await dead?.kill();
    const results = await Promise.all(keys.map((key) => isServed(store.get(key))));
    expect(results).toContain(true);
    expect(results).toContain(false);
    // It cannot look at all keys, so it must not say that it has deleted them.
    expect(await isServed(store.deletePrefix?.('key-') ?? Promise.resolve())).toBe(false);
    await until('the check tells', async () => !(await isServed(store.check())));
    await dead?.restart();
    for (const key of keys) await served(store, key);
    await until('the check tells', () => isServed(store.check()));
  }, 60_000);

  it('that moves a slot with its keys loses and doubles nothing', async () => {
    const { nodes, stop } = await startRedisCluster();
    undo.push(stop);
    const store = await opened({ cluster: nodes.map(({ host, port }) => `${host}:${port}`) });
    const [source, target] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    const sourceId = source.cli('cluster', 'myid');
    const targetId = target.cli('cluster', 'myid');
    // The first node has the first third of the slots.
    const key = keys.find((each) => Number(source.cli('cluster', 'keyslot', `stoa:${each}`)) < 5000) ?? '';
    const slot = source.cli('cluster', 'keyslot', `stoa:${key}`);
    let moved = false;
    let sum = 0;
    const counting = (async () => {
      while (!moved) {
        sum += 1;
        expect(await store.increment(key, 1, LONG)).toBe(sum);
      }
    })();
    await until('the counter is there', () => sum > 10);
    target.cli('cluster', 'setslot', slot, 'importing', sourceId);
    source.cli('cluster', 'setslot', slot, 'migrating', targetId);
    source.cli('migrate', target.host, String(target.port), `stoa:${key}`, '0', '1000');
    for (const node of [target, source]) node.cli('cluster', 'setslot', slot, 'node', targetId);
    const before = sum;
    await until('the counter goes on', () => sum > before + 10);
    moved = true;
    await counting;
    expect(target.cli('get', `stoa:${key}`)).toBe(String(sum));
  }, 60_000);
});
