import { beginTestRun } from '@stoa/test-servers';
import type { TestProject } from 'vitest/node';

/** Runs once before the unit tests: those of drivers start real servers. */
export default async function setup(project: TestProject): Promise<() => void> {
  const run = await beginTestRun(['postgres', 'pgbouncer', 'redis', 'sentinel', 'nats', 's3', 'toxiproxy']);
  const skipped = (project.config.provide as { withoutServer?: [string, string[]][] }).withoutServer ?? [];
  for (const [file, servers] of skipped) process.stderr.write(`skipped, without ${servers.join(' and ')}: ${file}\n`);
  return run.end;
}
