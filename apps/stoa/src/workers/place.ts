import { availableParallelism } from 'node:os';
import { StoaError } from '@stoa/plugin-sdk';
import type { WorkerPlace } from '@stoa/service-kit';

/** Variable that makes a process a worker. No key of the configuration: those have two underscores. */
const VARIABLE = 'STOA_WORKER';

export function placeVariable(place: WorkerPlace): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(place) };
}

/** Where this process is among the workers of its node; undefined when it is none. */
export function readPlace(environment: NodeJS.ProcessEnv): WorkerPlace | undefined {
  const text = environment[VARIABLE];
  return text === undefined ? undefined : (JSON.parse(text) as WorkerPlace);
}

/** How many workers there are to be: by the option of the command, else by the configuration. */
export function workerCount(option: string | undefined, configured: number | 'auto'): number {
  if (option === undefined) return configured === 'auto' ? availableParallelism() : configured;
  if (option === 'auto') return availableParallelism();
  const count = Number(option);
  if (/^\d{1,3}$/.test(option) && count >= 1 && count <= 256) return count;
  throw new StoaError('invalid-argument', `--workers ${option}: expected a number from 1 to 256, or "auto"`);
}
