import { ensure, missing, type ServerName } from '@stoa/test-servers';
import type { Need } from '../framework/bench.ts';

/** A server that this machine has, or that is installed or built now. */
export function server(name: ServerName): Need {
  return {
    name,
    async missing() {
      await ensure([name], { log: (line) => void process.stderr.write(`${line}\n`), wait: true });
      return missing(name);
    },
  };
}
