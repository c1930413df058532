import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beginTestRun, type ServerName } from '@stoa/test-servers';
import { addressesOf, startBackends } from '../../tools/cluster/backends.ts';
import { BUS, SHARED_BACKENDS } from './backends.ts';
import { installMissing, TOOLS, type ToolName, toolPath } from './tools.ts';

const SERVERS: readonly ServerName[] = ['postgres', 'redis', 'nats', 's3', 'toxiproxy'];

/** Runs once before the scenarios; what it returns runs after them. */
export default async function setup(): Promise<() => Promise<void>> {
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  const missing = installMissing(log);
  if (missing.length > 0) {
    const names = missing.map((name) => `${TOOLS[name].program} (package ${TOOLS[name].packageName})`).join(', ');
    if (process.env['CI'] !== undefined) throw new Error(`CI must have every client; missing: ${names}`);
    log(`scenarios with these are skipped, they are not installed: ${names}`);
  }
  const run = await beginTestRun(SERVERS);
  const folder = mkdtempSync(join(tmpdir(), 'stoa-e2e-'));
  // Sources are stripped of their types once for all the processes that the scenarios start.
  process.env['NODE_COMPILE_CACHE'] ??= join(folder, 'compile-cache');
  const backends = run.lacking.length > 0 ? undefined : await startBackends({ bus: BUS, jaeger: false });
  if (backends !== undefined) process.env[SHARED_BACKENDS] = JSON.stringify(addressesOf(backends));
  return async () => {
    await backends?.stop();
    rmSync(folder, { recursive: true, force: true });
    run.end();
    const names = Object.keys(TOOLS) as ToolName[];
    const there = names.filter((name) => !missing.includes(name)).map(describe);
    log(`real clients on this machine: ${[...there, 'imapflow', 'nodemailer'].join('; ')}`);
  };
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own notation
const versionField = '${Version}';

/** A program with the version that its package has. */
function describe(name: ToolName): string {
  const { program, packageName } = TOOLS[name];
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', versionField, packageName], { encoding: 'utf8' });
  return `${program} (${(stdout ?? '') === '' ? toolPath(name) : `${packageName} ${stdout}`})`;
}
