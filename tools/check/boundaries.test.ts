import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const folders: string[] = [];

/** Runs the repository's rules over a small tree with the same layout. */
function cruise(files: Record<string, string>): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-boundaries-'));
  folders.push(folder);
  writeFileSync(
    join(folder, 'tsconfig.json'),
    '{ "compilerOptions": { "module": "NodeNext", "allowImportingTsExtensions": true, "noEmit": true } }',
  );
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const result = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/.bin/depcruise'),
      '--config',
      join(root, '.dependency-cruiser.mjs'),
      ...new Set(Object.keys(files).map((name) => name.split('/')[0] as string)),
    ],
    { cwd: folder, encoding: 'utf8' },
  );
  return { status: result.status, output: result.stdout + result.stderr };
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const target = 'export const here = 1;\n';

describe('the rules for imports', () => {
  it('pass a tree that keeps them', () => {
    const { status, output } = cruise({
      'services/smtp/src/a.ts': "import { here } from '../../../libs/contracts/src/b.ts';\nexport const a = here;\n",
      'libs/contracts/src/b.ts': target,
    });
    expect(output).toContain('no dependency violations');
    expect(status).toBe(0);
  });

  it.each([
    ['service-imports-service', 'services/smtp/src/a.ts', 'services/imap/src/b.ts'],
    ['driver-imported-by-name', 'libs/service-kit/src/a.ts', 'drivers/data-lmdb/src/b.ts'],
    ['driver-imports-core', 'drivers/data-lmdb/src/a.ts', 'libs/service-kit/src/b.ts'],
    ['mail-does-no-io', 'libs/mail/src/a.ts', 'libs/contracts/src/b.ts'],
    ['sdk-stands-alone', 'libs/plugin-sdk/src/a.ts', 'libs/contracts/src/b.ts'],
    ['contracts-below-kit', 'libs/contracts/src/a.ts', 'libs/service-kit/src/b.ts'],
    ['libs-below-services', 'libs/service-kit/src/a.ts', 'services/imap/src/b.ts'],
    ['services-below-apps', 'services/imap/src/a.ts', 'apps/stoa/src/b.ts'],
  ])('refuse a breach of %s', (rule, from, to) => {
    const up = '../'.repeat(from.split('/').length - 1);
    const { status, output } = cruise({
      [from]: `import { here } from '${up}${to}';\nexport const a = here;\n`,
      [to]: target,
    });
    expect(output).toContain(rule);
    expect(status).not.toBe(0);
  });

  it('refuse I/O in libs/mail', () => {
    const { status, output } = cruise({
      'libs/mail/src/a.ts': "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;\n",
    });
    expect(output).toContain('mail-does-no-io');
    expect(status).not.toBe(0);
  });

  it('refuse a cycle', () => {
    const { output } = cruise({
      'libs/mail/src/a.ts': "import { b } from './b.ts';\nexport const a = (): unknown => b;\n",
      'libs/mail/src/b.ts': "import { a } from './a.ts';\nexport const b = (): unknown => a;\n",
    });
    expect(output).toContain('no-cycle');
  });
});
