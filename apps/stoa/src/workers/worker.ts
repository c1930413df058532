import type { Socket } from 'node:net';
import type { RunningNode, WorkerContext, WorkerPlace } from '@stoa/service-kit';
import { handedListen, type SupervisorLine } from './handed-listen.ts';
import type { FromWorker, ToWorker } from './messages.ts';

const line: SupervisorLine = {
  send(message: FromWorker) {
    // When the supervisor is gone this process ends.
    if (process.connected) process.send?.(message);
  },
  onMessage(listener) {
    process.on('message', (message: ToWorker, socket?: Socket) => listener(message, socket));
  },
};

/** This process as a worker, which obeys who started it. */
export interface Worker {
  readonly context: WorkerContext;
  /** Says that the node works, and lets it, until it is told to stop; then ends the process. */
  run(node: RunningNode): Promise<never>;
}

/**
 * Has this process obey who started it, from the beginning. Signals of a terminal reach all its processes, but what follows
 * from them is the supervisor's to say. When that process is gone, node:cluster ends this one.
 */
export function becomeWorker(place: WorkerPlace): Worker {
  // A start leaves nothing behind that the next one could not take up.
  let stop: () => void = () => process.exit(0);
  let reload = () => {};
  line.onMessage(({ type }) => {
    if (type === 'stop') stop();
    else if (type === 'reload') reload();
  });
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
  process.on('SIGTERM', () => stop());
  return {
    context: { ...place, listen: handedListen(line) },
    run: (node) =>
      new Promise<never>((_, reject) => {
        // The line to the supervisor would keep the process alive.
        stop = () => void node.stop().then(() => process.exit(0), reject);
        // What is wrong with the configuration is in the log, and the one before stays.
        reload = () => void node.reload('SIGHUP').catch(() => {});
        line.send({ type: 'ready', addresses: node.addresses });
      }),
  };
}
