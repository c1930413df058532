import { randomUUID } from 'node:crypto';
import { dataStoreSuite } from '@stoa/plugin-sdk/conformance';
import { describe, test } from 'vitest';
import factory from './index.ts';

const name = randomUUID();

dataStoreSuite({ describe, test, factory, config: () => ({ name }) });
