/**
 * The mail clients and servers that the scenarios use from the system. What is missing is installed where that may be
 * done (root on a machine with apt); what is still missing is reported by name, and fails under CI.
 */
import { spawnSync } from 'node:child_process';

export interface Tool {
  /** Program that must be on the PATH. */
  program: string;
  /** Debian package that has it. */
  packageName: string;
}

export const TOOLS = {
  swaks: { program: 'swaks', packageName: 'swaks' },
  mbsync: { program: 'mbsync', packageName: 'isync' },
  offlineimap: { program: 'offlineimap', packageName: 'offlineimap3' },
  curl: { program: 'curl', packageName: 'curl' },
  python: { program: 'python3', packageName: 'python3' },
  openssl: { program: 'openssl', packageName: 'openssl' },
  smtpSink: { program: 'smtp-sink', packageName: 'postfix' },
} satisfies Record<string, Tool>;

export type ToolName = keyof typeof TOOLS;

const SEARCH_PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin:/sbin`;

/** Absolute path of a program, or undefined. */
export function findProgram(program: string): string | undefined {
  const result = spawnSync('sh', ['-c', `command -v "$1"`, 'sh', program], {
    encoding: 'utf8',
    env: { ...process.env, PATH: SEARCH_PATH },
  });
  const path = result.stdout.trim();
  return result.status === 0 && path !== '' ? path : undefined;
}

export function toolPath(name: ToolName): string | undefined {
  return findProgram(TOOLS[name].program);
}

/** Installs what is missing. Returns the names of the tools that are missing still. */
export function installMissing(log: (line: string) => void): ToolName[] {
  const missing = (): ToolName[] => (Object.keys(TOOLS) as ToolName[]).filter((name) => toolPath(name) === undefined);
  const before = missing();
  if (before.length === 0) return [];
  if (process.getuid?.() === 0 && findProgram('apt-get') !== undefined) {
    const packages = [...new Set(before.map((name) => TOOLS[name].packageName))];
    log(`installing ${packages.join(', ')} for the tests`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    // A policy that denies starting: the tests start what they need themselves.
    const script = `apt-get update -qq && apt-get install -y -qq --no-install-recommends ${packages.join(' ')}`;
    const result = spawnSync('sh', ['-c', script], { encoding: 'utf8', env });
    if (result.status !== 0) log(result.stderr.trim().split('\n').slice(-3).join('\n'));
  }
  return missing();
}
