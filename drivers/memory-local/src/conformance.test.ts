import { memoryStoreSuite } from '@stoa/plugin-sdk/conformance';
import { describe, test } from 'vitest';
import factory from './index.ts';

memoryStoreSuite({ describe, test, factory, config: () => ({}) });
