import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';

/** A tool that a step needs is not there. Locally the step is left out and named; in CI it fails. */
export class MissingTool extends Error {}

/** A tool that would take longer to get than all other steps together. It is left out and named, in CI too. */
export class CostlyTool extends MissingTool {}

export interface Step {
  name: string;
  /** Throws with what is wrong. */
  run(): void | Promise<void>;
}

/** Runs every step whatever the others found. Resolves to how many failed. */
export async function runSteps(steps: readonly Step[], isCi: boolean): Promise<number> {
  const say = (word: string, name: string, since: number, detail = '') => {
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    process.stdout.write(`${word}  ${name} (${seconds} s)\n${detail === '' ? '' : `${detail.trimEnd()}\n`}`);
  };
  let failed = 0;
  for (const { name, run } of steps) {
    const since = performance.now();
    try {
      await run();
      say('ok  ', name, since);
    } catch (error) {
      const left = error instanceof CostlyTool || (error instanceof MissingTool && !isCi);
      if (!left) failed += 1;
      say(left ? 'left' : 'FAIL', name, since, (error as Error).message);
    }
  }
  return failed;
}

export interface CommandOptions {
  cwd?: string;
  environment?: Record<string, string>;
  timeoutMs?: number;
}

/** Runs a program to its end; returns its standard output. Throws with all that it said when it fails. */
export function command(program: string, args: readonly string[], options: CommandOptions = {}): string {
  const { cwd, environment, timeoutMs = 120_000 } = options;
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: timeoutMs,
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...environment },
  });
  if (result.status === 0) return result.stdout;
  const said = `${result.error?.message ?? ''}${result.stdout ?? ''}${result.stderr ?? ''}`;
  throw new Error(`${program} ${args.join(' ')} failed (${result.signal ?? result.status}):\n${said}`);
}

/** Whether a program is there and answers. */
export function answers(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore', timeout: 30_000 }).status === 0;
}
