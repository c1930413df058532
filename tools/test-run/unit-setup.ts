import { beginTestRun } from '@stoa/test-servers';

/** Runs once before the unit tests: those of drivers start real servers. */
export default async function setup(): Promise<() => void> {
  const run = await beginTestRun(['postgres', 'pgbouncer', 'redis', 'sentinel', 'nats', 's3', 'toxiproxy']);
  return run.end;
}
