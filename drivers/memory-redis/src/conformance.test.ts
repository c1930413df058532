import { randomUUID } from 'node:crypto';
import { memoryStoreSuite } from '@stoa/plugin-sdk/conformance';
import { describe, test } from 'vitest';
import factory from './index.ts';

const name = randomUUID();

memoryStoreSuite({ describe, test, factory, config: () => ({ name }) });
