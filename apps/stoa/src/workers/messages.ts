import type { Worker } from 'node:cluster';
import type { Address } from '@stoa/service-kit';

/** What a worker tells who started it. */
export type FromWorker =
  /** Its services work. Listener to "host:port". */
  | { readonly type: 'ready'; readonly addresses: Readonly<Record<string, string>> }
  /** It wants connections of a port. All workers that ask for the same share it. */
  | { readonly type: 'listen'; readonly port: string; readonly service: string; readonly address: Address }
  /** It wants no more of them. */
  | { readonly type: 'unlisten'; readonly port: string }
  /** A connection that it was handed is its own now. */
  | { readonly type: 'taken'; readonly connection: number }
  /** That connection has ended. */
  | { readonly type: 'closed'; readonly connection: number };

/** What a worker is told. Signals are not used: Ctrl-C reaches every process of the terminal by itself. */
export type ToWorker =
  /** End what is under way, then the process. */
  | { readonly type: 'stop' }
  /** Read the configuration anew. */
  | { readonly type: 'reload' }
  | { readonly type: 'listening'; readonly port: string; readonly address: Address }
  | { readonly type: 'refused'; readonly port: string; readonly code: string; readonly message: string }
  /** With the socket. How many others its service has at other workers: all, and of its address. */
  | {
      readonly type: 'connection';
      readonly port: string;
      readonly connection: number;
      readonly total: number;
      readonly ofAddress: number;
    };

/** A worker as its supervisor sees it; `Worker` of node:cluster is one. */
export type WorkerProcess = Pick<Worker, 'on' | 'send' | 'isConnected'> & {
  readonly process: { readonly pid?: number | undefined; kill(signal: NodeJS.Signals): boolean };
};
