import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Folder for what was built or downloaded; outlives the work tree. */
export const CACHE = process.env['STOA_TOOLS_CACHE'] ?? join(homedir(), '.cache', 'stoa-tools');

const PLACES = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin', '/sbin', join(CACHE, 'bin')];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Absolute path of a program, or undefined. */
export function findProgram(program: string): string | undefined {
  return PLACES.filter((place) => place !== '')
    .map((place) => join(place, program))
    .find(isExecutable);
}

/** Folder with the programs of the newest PostgreSQL, at least version 15. */
export function findPostgres(): string | undefined {
  const root = '/usr/lib/postgresql';
  let versions: string[] = [];
  try {
    versions = readdirSync(root);
  } catch {
    // Not a Debian; the PATH may have it.
  }
  const folders = versions
    .filter((version) => Number(version) >= 15)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'));
  const { stdout } = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  if (stdout) folders.push(stdout.trim());
  return folders.find((folder) => isExecutable(join(folder, 'initdb')) && isExecutable(join(folder, 'postgres')));
}

/** What a program prints of its version, shortened. */
export function versionOf(path: string, flag = '--version'): string {
  const { stdout, stderr } = spawnSync(path, [flag], { encoding: 'utf8' });
  return (/v?\d+\.\d+(\.\d+)?/.exec(`${stdout ?? ''}${stderr ?? ''}`) ?? ['unknown'])[0];
}
