import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readConfig } from '@stoa/service-kit';
import { afterAll, describe, expect, it } from 'vitest';
import { checkConfig } from './check.ts';

const root = resolve(import.meta.dirname, '../../../..');
const folder = mkdtempSync(join(tmpdir(), 'stoa-pages-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Every configuration that a page of a driver shows; sections of the node are whatever they are. */
const shown = globSync('drivers/*/README.md', { cwd: root }).flatMap((page) => {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```toml\n(.*?)^```$/gms)].map(([, toml], i) => [`${page}, ${i + 1}`, toml as string]);
});

describe('the pages of drivers', () => {
  it('show configurations', () => {
    expect(shown.length).toBeGreaterThan(10);
  });

  it.each(shown)('%s is good', async (_, toml = '') => {
    const path = join(folder, 'stoa.toml');
    writeFileSync(path, `[node]\nhostname = "mx.example.test"\n${toml}`);
    await checkConfig(readConfig(path, {}));
  });
});
