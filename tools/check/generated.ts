/** Generates the contracts' code into a temporary folder and compares it with what is committed. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const COMMITTED = 'libs/contracts/src/gen';
const DESCRIPTORS = 'libs/contracts/descriptors.binpb';

function files(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(path.slice(folder.length + 1), readFileSync(path).toString('base64'));
  }
  return found;
}

const temporary = mkdtempSync(join(tmpdir(), 'stoa-generated-'));
try {
  const fresh = join(temporary, 'gen');
  const template = join(temporary, 'buf.gen.yaml');
  writeFileSync(template, readFileSync('buf.gen.yaml', 'utf8').replace(COMMITTED, fresh));
  for (const args of [
    ['generate', '--template', template],
    ['build', '-o', join(temporary, 'descriptors.binpb')],
  ]) {
    const result = spawnSync('buf', args, { encoding: 'utf8' });
    if (result.status !== 0) throw new Error(`buf ${args[0]} failed: ${result.stderr}`);
  }
  const expected = files(fresh);
  const actual = files(COMMITTED);
  if (!readFileSync(join(temporary, 'descriptors.binpb')).equals(readFileSync(DESCRIPTORS))) {
    throw new Error(`stale: ${DESCRIPTORS}`);
  }
  const stale = [...expected].filter(([name, content]) => actual.get(name) !== content).map(([name]) => name);
  const left = [...actual.keys()].filter((name) => !expected.has(name));
  for (const name of stale) process.stderr.write(`stale: ${COMMITTED}/${name}\n`);
  for (const name of left) process.stderr.write(`no longer generated: ${COMMITTED}/${name}\n`);
  process.exitCode = stale.length + left.length === 0 ? 0 : 1;
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
