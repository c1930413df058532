import { busSuite } from '@stoa/plugin-sdk/conformance';
import { startNats, startNatsCluster } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, test } from 'vitest';
import factory from './index.ts';

interface Place {
  config: object;
  stop(): Promise<void>;
}

const PLACES: Record<string, () => Promise<Place>> = {
  single: async () => {
    const { url, stop } = await startNats();
    return { config: { servers: [url] }, stop };
  },
  // Two instances of the driver are mostly on different servers.
  cluster: async () => {
    const { servers, stop } = await startNatsCluster();
    return { config: { servers: servers.map(({ url }) => url) }, stop };
  },
};

describe.each(Object.keys(PLACES))('NATS, %s', (name) => {
  let place: Place;
  beforeAll(async () => {
    place = await (PLACES[name] as () => Promise<Place>)();
  }, 60_000);
  afterAll(() => place?.stop());

  busSuite({ describe, test, factory, config: () => place.config });
});
