import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { command, type Step } from './step.ts';
import { inTemporaryFolder, root } from './stoa.ts';
import { dockerfileLinter } from './tools.ts';

const dockerfile = join(root, 'deploy/Dockerfile');
/** What was built before and has not changed is not built again. */
const BUILD_TIMEOUT_MS = 900_000;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** The Node that the image has is the one that everything here is tested with. */
function checkNodeVersion(): void {
  const wanted = /^ARG NODE_VERSION=(\S+)$/m.exec(readFileSync(dockerfile, 'utf8'))?.[1];
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version?: string }>;
  };
  const tested = lock.packages['node_modules/node']?.version;
  if (wanted !== tested) throw new Error(`deploy/Dockerfile has Node ${wanted}, package-lock.json ${tested}`);
}

/** Does what the image is built by, without Docker, and runs what came out: only production packages, only compiled code. */
async function runLayout(): Promise<void> {
  command('npm', ['run', 'build'], { cwd: root, timeoutMs: BUILD_TIMEOUT_MS });
  await inTemporaryFolder(async (folder) => {
    const out = join(folder, 'out');
    command(process.execPath, [join(root, 'deploy/image/assemble.mjs'), out]);
    command('npm', ['ci', '--omit=dev'], { cwd: out, timeoutMs: 300_000 });
    for (const name of ['typescript', 'vitest', '@biomejs/biome', 'node']) {
      if (existsSync(join(out, 'node_modules', name))) throw new Error(`${name} is a tool, and no part of the image`);
    }
    const [health, ...ports] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    const environment = {
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'production',
      STOA_NODE__DATA_DIRECTORY: join(folder, 'data'),
      STOA_HTTP__LISTEN: `127.0.0.1:${health}`,
      STOA_CLUSTER__LISTEN: `127.0.0.1:${ports[0]}`,
      STOA_SMTP__LISTENERS: `[{ name = "smtp", kind = "smtp", listen = "127.0.0.1:${ports[1]}" }]`,
      STOA_IMAP__LISTENERS: `[{ name = "imap", listen = "127.0.0.1:${ports[2]}", tls = "none" }]`,
    };
    // Drivers are looked for beside the configuration first, and those of the repository must not be found.
    const config = join(folder, 'stoa.toml');
    copyFileSync(join(root, 'deploy/image/stoa.toml'), config);
    const args = [join(out, 'apps/stoa/bin/stoa.mjs'), 'start', '--config', config];
    const child = spawn(process.execPath, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (octets: Buffer) => (log += octets));
    try {
      await untilHealthy(child, environment);
      const gone = once(child, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) });
      child.kill('SIGTERM');
      const [code] = await gone;
      if (code !== 0) throw new Error(`it ended with ${code} after SIGTERM`);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${log}`);
    } finally {
      child.kill('SIGKILL');
    }
  });
}

/** Asks as the image's health check does. */
async function untilHealthy(child: ChildProcess, environment: Record<string, string>): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      command(process.execPath, [join(root, 'deploy/image/health.mjs'), 'ready'], { environment });
      return;
    } catch (error) {
      if (child.exitCode !== null || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

export const imageSteps: Step[] = [
  { name: 'dockerfile-utils: Dockerfile', run: () => void command(dockerfileLinter(), ['lint', dockerfile]) },
  { name: 'the image has the Node that is tested', run: checkNodeVersion },
  { name: 'the layout of the image runs', run: runLayout },
];
