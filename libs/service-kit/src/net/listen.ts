import { createServer, type Socket } from 'node:net';
import type { Address } from '../config/types.ts';
import type { ServiceName } from '../service.ts';

/** Connections that other workers of this node have with clients of the same service, when one more arrives. */
export interface Elsewhere {
  /** All of them. */
  readonly total: number;
  /** Those from the address of the one that arrives. */
  readonly ofAddress: number;
}

export type OnConnection = (socket: Socket, elsewhere: Elsewhere) => void;

/** A port that is open. */
export interface Listening {
  /** As it was bound. */
  readonly address: Address;
  /** No connection arrives any more; those that are there stay. Safe to call twice. */
  close(): void;
}

/** A port to be opened: who wants it, the name that its configuration has for it, and where. */
export interface Port {
  readonly service: ServiceName;
  readonly name: string;
  readonly listen: Address;
}

/**
 * Opens a port and gives the connections that arrive there. Rejects with the system's error (`EADDRINUSE`). A process listens
 * by itself; a worker is handed its share of what arrives.
 */
export type Listen = (port: Port, onConnection: OnConnection) => Promise<Listening>;

const NOBODY: Elsewhere = { total: 0, ofAddress: 0 };

/** Listens in this process, which has all connections of its service. */
export const listenHere: Listen = async ({ listen }, onConnection) => {
  const server = createServer((socket) => onConnection(socket, NOBODY));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listen.port, listen.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as { port: number };
  return { address: { host: listen.host, port }, close: () => void server.close() };
};
