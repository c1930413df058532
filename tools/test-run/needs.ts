import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { ServerName } from '../../libs/test-servers/src/catalog.ts';

/** What a test file starts tells which servers it needs. */
const STARTERS: Readonly<Record<string, readonly ServerName[]>> = {
  startPostgres: ['postgres'],
  startPgBouncer: ['postgres', 'pgbouncer'],
  startRedis: ['redis'],
  startRedisCluster: ['redis'],
  startRedisSentinel: ['redis', 'sentinel'],
  startNats: ['nats'],
  startNatsCluster: ['nats'],
  startS3: ['s3'],
  startToxiproxy: ['toxiproxy'],
};

/** The servers that a file starts, or another does that it imports by a relative path. */
export function serversOf(file: string, seen = new Set<string>()): Set<ServerName> {
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  const found = new Set<ServerName>();
  for (const [, name] of text.matchAll(/\b(start[A-Z]\w+)\(/g)) {
    for (const server of STARTERS[name as string] ?? []) found.add(server);
  }
  for (const [, path] of text.matchAll(/from '(\.[^']*\.ts)'/g)) {
    const imported = resolve(dirname(file), path as string);
    // In a template it may be part of the text.
    if (!seen.has(imported) && existsSync(imported)) for (const server of serversOf(imported, seen)) found.add(server);
  }
  return found;
}

/** Test files that need a server which is not to be had, as paths from the root, with what they lack. */
export function testsWithout(
  root: string,
  include: readonly string[],
  lacks: (name: ServerName) => boolean,
): Map<string, ServerName[]> {
  const without = new Map<string, ServerName[]>();
  for (const file of globSync([...include], { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] })) {
    const lacking = [...serversOf(resolve(root, file))].filter(lacks);
    if (lacking.length > 0) without.set(relative(root, resolve(root, file)), lacking);
  }
  return without;
}
