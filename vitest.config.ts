import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { missing } from './libs/test-servers/src/catalog.ts';
import { testsWithout } from './tools/test-run/needs.ts';

// Unit tests stand beside the code they test; e2e scenarios start whole Stoa processes and run after them.
const resolve = { conditions: ['stoa-source'] };
// Global setups run in an environment of their own.
const environments = { __vitest__: { resolve: { conditions: ['stoa-source'], externalConditions: ['stoa-source'] } } };
const ssr = { resolve: { conditions: ['stoa-source'], externalConditions: ['stoa-source'] } };

const unitTests = [
  '{libs,services,drivers,apps}/*/{src,test,conformance}/**/*.test.ts',
  'tools/**/*.test.ts',
  'bench/**/*.test.ts',
];
// The setup of the run says which they are, and why; under CI it fails.
const withoutServer = testsWithout(import.meta.dirname, unitTests, (name) => missing(name) !== undefined);

export default defineConfig({
  resolve,
  ssr,
  environments,
  test: {
    // Many tests wait for servers, for their restart or for time-outs: more at a time than there are cores.
    maxWorkers: Math.max(3, availableParallelism()),
    projects: [
      {
        resolve,
        ssr,
        environments,
        test: {
          name: 'unit',
          include: unitTests,
          exclude: ['**/node_modules/**', '**/dist/**', '**/templates/**', ...withoutServer.keys()],
          provide: { withoutServer: [...withoutServer] },
          globalSetup: ['tools/test-run/unit-setup.ts'],
          testTimeout: 90_000,
        },
      },
      {
        resolve,
        ssr,
        environments,
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          globalSetup: ['e2e/support/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
