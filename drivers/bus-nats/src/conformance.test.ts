import { randomUUID } from 'node:crypto';
import { busSuite } from '@stoa/plugin-sdk/conformance';
import { describe, test } from 'vitest';
import factory from './index.ts';

const name = randomUUID();

busSuite({ describe, test, factory, config: () => ({ name }) });
