import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readConfig } from '@stoa/service-kit';
import { describe, expect, it } from 'vitest';
import { checkConfig } from './check.ts';
import { configReference } from './reference.ts';

const root = resolve(import.meta.dirname, '../../../..');

describe('the configuration', () => {
  it('has a reference page that is what the schemas say; `stoa config reference` writes it', async () => {
    expect(readFileSync(resolve(root, 'docs/configuration.md'), 'utf8')).toBe(await configReference());
  });

  it.each(['single.toml', 'two-processes.toml'])('%s, a sample, is good', async (name) => {
    const document = readConfig(resolve(root, 'apps/stoa/config', name), {});
    expect(await checkConfig(document)).toMatchObject({ node: '1', drivers: { data: 'lmdb', blob: 'inline' } });
  });
});
