import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { command } from './step.ts';

export const root = resolve(import.meta.dirname, '../..');

/** What the image adds to the environment of each process; deploy/Dockerfile has the same. */
const IMAGE_ENVIRONMENT = { STOA_NODE__DATA_DIRECTORY: '/var/lib/stoa', STOA_HTTP__LISTEN: '0.0.0.0:2080' };

/** The `stoa` command, from the sources. */
export const STOA = [process.execPath, '--conditions=stoa-source', join(root, 'apps/stoa/src/main.ts')] as const;

/** Runs `work` with an empty folder that is gone afterwards. */
export async function inTemporaryFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-deploy-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What `stoa config check --json` answers. */
interface ConfigSummary {
  node: string;
  /** Kind of store to the driver's name. */
  drivers: Record<string, string>;
}

/** Throws what `stoa config check` finds wrong with a configuration in the image. Returns its summary. */
export function checkConfiguration(toml: string, environment: Record<string, string>): Promise<ConfigSummary> {
  return inTemporaryFolder((folder) => {
    const path = join(folder, 'stoa.toml');
    writeFileSync(path, toml);
    const [program, ...args] = STOA;
    const output = command(program, [...args, 'config', 'check', '--json', '--config', path], {
      environment: { ...IMAGE_ENVIRONMENT, ...environment },
    });
    return JSON.parse(output) as ConfigSummary;
  });
}
