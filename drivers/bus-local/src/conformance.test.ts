import { busSuite } from '@stoa/plugin-sdk/conformance';
import { describe, test } from 'vitest';
import factory from './index.ts';

busSuite({ describe, test, factory, config: () => ({ channel: 'conformance' }) });
