import { randomUUID } from 'node:crypto';
import { blobStoreSuite } from '@stoa/plugin-sdk/conformance';
import { describe, test } from 'vitest';
import factory from './index.ts';

const name = randomUUID();

blobStoreSuite({ describe, test, factory, config: () => ({ name }) });
