import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import type { Address, Listen, OnConnection } from '@stoa/service-kit';
import type { FromWorker, ToWorker } from './messages.ts';

/** The line of a worker to who started it; `process` is one. */
export interface SupervisorLine {
  send(message: FromWorker): void;
  onMessage(listener: (message: ToWorker, socket: Socket | undefined) => void): void;
}

/** Takes connections that the supervisor accepts, in place of listening. */
export function handedListen(line: SupervisorLine): Listen {
  const ports = new Map<string, OnConnection>();
  const asked = new Map<string, PromiseWithResolvers<Address>>();
  line.onMessage((message, socket) => {
    switch (message.type) {
      case 'listening':
        asked.get(message.port)?.resolve(message.address);
        break;
      case 'refused':
        asked.get(message.port)?.reject(Object.assign(new Error(message.message), { code: message.code }));
        break;
      case 'connection': {
        const { connection, port, total, ofAddress } = message;
        line.send({ type: 'taken', connection });
        const onConnection = ports.get(port);
        // Gone on the way, or handed over before the supervisor knew that this worker wants no more.
        if (socket === undefined || onConnection === undefined) {
          socket?.destroy();
          line.send({ type: 'closed', connection });
          return;
        }
        socket.once('close', () => line.send({ type: 'closed', connection }));
        onConnection(socket, { total, ofAddress });
      }
    }
  });
  return async ({ service, name, listen }, onConnection) => {
    const port = `${service}/${name}`;
    const answer = Promise.withResolvers<Address>();
    asked.set(port, answer);
    // As with a server of one's own, what follows from a connection belongs to who listens.
    ports.set(port, AsyncLocalStorage.bind(onConnection));
    line.send({ type: 'listen', port, service, address: listen });
    const address = await answer.promise;
    return {
      address,
      close() {
        if (ports.delete(port)) line.send({ type: 'unlisten', port });
      },
    };
  };
}
