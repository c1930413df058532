import { type DataStore, defineDriver, hasCode } from '@stoa/plugin-sdk';
import { dataStoreSuite, verifyDriver } from '@stoa/plugin-sdk/conformance';

/** What a stranger with TypeScript writes; only compiled, against the packed declarations. */

const factory = defineDriver({
  name: 'typed',
  kind: 'data',
  sdk: '^1.0.0',
  configSchema: { '~standard': { version: 1, vendor: 'stranger', validate: () => ({ value: { size: 1 } }) } },
  capabilities: { shared: 'process' },
  create: async (config): Promise<DataStore> => {
    throw new Error(`never made ${config.size}`);
  },
});

dataStoreSuite({ test: () => {}, factory, config: () => ({}) });
const report = await verifyDriver(factory, {});
export const code: boolean = report.results.some(({ error }) => hasCode(error, 'conflict'));
