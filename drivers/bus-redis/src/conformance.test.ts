import { busSuite } from '@stoa/plugin-sdk/conformance';
import { startRedis, startRedisCluster, startRedisSentinel } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, test } from 'vitest';
import factory from './index.ts';

interface Place {
  config: object;
  stop(): Promise<void>;
}

const PLACES: Record<string, () => Promise<Place>> = {
  single: async () => {
    const { url, stop } = await startRedis();
    return { config: { url }, stop };
  },
  Sentinel: async () => {
    const { sentinels, name, stop } = await startRedisSentinel();
    return { config: { sentinels: sentinels.map(({ host, port }) => `${host}:${port}`), master: name }, stop };
  },
  Cluster: async () => {
    const { nodes, stop } = await startRedisCluster();
    return { config: { cluster: nodes.map(({ host, port }) => `${host}:${port}`) }, stop };
  },
};

describe.each(Object.keys(PLACES))('Redis, %s', (name) => {
  let place: Place;
  beforeAll(async () => {
    place = await (PLACES[name] as () => Promise<Place>)();
  }, 120_000);
  afterAll(() => place?.stop());

  busSuite({ describe, test, factory, config: () => place.config });
});
