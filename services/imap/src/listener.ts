import { createServer, type Server, type Socket } from 'node:net';
import { StoaError } from '@stoa/plugin-sdk';
import { type Address, formatAddress } from '@stoa/service-kit';
import type { ListenerConfig } from './config.ts';
import { ImapConnection } from './connection.ts';
import type { ImapContext } from './context.ts';
import type { Gatekeeper } from './gatekeeper.ts';

/** One listening port. */
export class ImapListener {
  readonly config: ListenerConfig;
  readonly connections = new Set<ImapConnection>();
  readonly #context: ImapContext;
  readonly #gatekeeper: Gatekeeper;
  readonly #server: Server;
  #allGone: (() => void) | undefined;

  constructor(context: ImapContext, config: ListenerConfig, gatekeeper: Gatekeeper) {
    this.config = config;
    this.#context = context;
    this.#gatekeeper = gatekeeper;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Resolves to the address that was bound. */
  async listen(): Promise<Address> {
    const { listen, name } = this.config;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(listen.port, listen.host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    }).catch((error: NodeJS.ErrnoException) => {
      throw new StoaError(
        'unavailable',
        `imap: cannot listen on ${formatAddress(listen)} for ${name}: ${error.message}; change imap.listeners`,
        {
          cause: error,
        },
      );
    });
    const { port } = this.#server.address() as { port: number };
    return { host: listen.host, port };
  }

  #accept(socket: Socket): void {
    const remote = (socket.remoteAddress ?? '').replace(/^::ffff:/i, '');
    const refusal = this.#gatekeeper.refuse(remote);
    this.#context.metrics.connections.add(1, {
      listener: this.config.name,
      result: refusal === undefined ? 'accepted' : 'refused',
    });
    if (refusal !== undefined) {
      socket.on('error', () => socket.destroy());
      // On a TLS port no words can be said before the handshake.
      if (this.config.tls !== 'implicit') socket.end(`* BYE ${refusal}\r\n`);
      socket.resume();
      setTimeout(() => socket.destroy(), 1_000).unref();
      return;
    }
    this.#gatekeeper.enter(remote);
    const connection = new ImapConnection(this.#context, this.config, socket, remote);
    this.connections.add(connection);
    void connection.run().finally(() => {
      this.#gatekeeper.leave(remote);
      this.connections.delete(connection);
      if (this.connections.size === 0) this.#allGone?.();
    });
  }

  /** Takes no new clients and says goodbye to those here; ends at the latest when the signal aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#server.close();
    for (const connection of this.connections) connection.bye('The server stops');
    if (this.connections.size === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#allGone = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  stop(): void {
    this.#server.close();
    for (const connection of this.connections) connection.destroy();
  }
}
