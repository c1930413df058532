// @ts-check
import { resolve } from 'node:path';
import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.js';
import { openStore } from './store.js';

/** Data store in one file. Any number of processes of one host may have it open. */
export default defineDriver({
  name: 'sqlite',
  kind: 'data',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'host' },
  create: ({ path }, { dataDirectory }) => openStore(resolve(dataDirectory, path)),
});
