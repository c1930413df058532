import type { Socket } from 'node:net';
import { StoaError } from '@stoa/plugin-sdk';
import {
  type Address,
  type AddressBlocks,
  type Elsewhere,
  formatAddress,
  type Listen,
  type Listening,
} from '@stoa/service-kit';
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
  readonly #blocks: AddressBlocks;
  readonly #listen: Listen;
  #listening: Listening | undefined;
  #closed = false;
  #allGone: (() => void) | undefined;

  constructor(
    context: ImapContext,
    config: ListenerConfig,
    gatekeeper: Gatekeeper,
    blocks: AddressBlocks,
    listen: Listen,
  ) {
    this.config = config;
    this.#context = context;
    this.#gatekeeper = gatekeeper;
    this.#blocks = blocks;
    this.#listen = listen;
  }

  /** Resolves to the address that was bound. */
  async listen(): Promise<Address> {
    const { listen, name } = this.config;
    const port = { service: 'imap', name, listen } as const;
    this.#listening = await this.#listen(port, (socket, elsewhere) => this.#accept(socket, elsewhere)).catch(
      (error) => {
        throw new StoaError(
          'unavailable',
          `imap: cannot listen on ${formatAddress(listen)} for ${name}: ${error.message}; change imap.listeners`,
          {
            cause: error,
          },
        );
      },
    );
    return this.#listening.address;
  }

  #accept(socket: Socket, elsewhere: Elsewhere): void {
    const remote = (socket.remoteAddress ?? '').replace(/^::ffff:/i, '');
    socket.on('error', () => socket.destroy());
    const full = this.#gatekeeper.refuse(remote, elsewhere);
    if (full !== undefined) {
      this.#refuse(socket, full);
      return;
    }
    const blocked = this.#blocks.isBlocked(remote);
    if (typeof blocked === 'boolean') {
      this.#admit(socket, remote, blocked);
      return;
    }
    // Who waits for the answer counts, so that a flood of clients does not become a flood of questions.
    this.#gatekeeper.enter(remote);
    void blocked.then((answer) => {
      this.#gatekeeper.leave(remote);
      if (this.#closed) socket.destroy();
      else if (!socket.destroyed) this.#admit(socket, remote, answer);
    });
  }

  #refuse(socket: Socket, reason: string): void {
    this.#context.metrics.connections.add(1, { listener: this.config.name, result: 'refused' });
    // On a TLS port no words can be said before the handshake.
    if (this.config.tls !== 'implicit') socket.end(`* BYE ${reason}\r\n`);
    socket.resume();
    setTimeout(() => socket.destroy(), 1_000).unref();
  }

  #admit(socket: Socket, remote: string, blocked: boolean): void {
    if (blocked) {
      this.#refuse(socket, 'Your address is blocked');
      return;
    }
    this.#context.metrics.connections.add(1, { listener: this.config.name, result: 'accepted' });
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
    this.#closed = true;
    this.#listening?.close();
    for (const connection of this.connections) connection.bye('The server stops');
    if (this.connections.size === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#allGone = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  stop(): void {
    this.#closed = true;
    this.#listening?.close();
    for (const connection of this.connections) connection.destroy();
  }
}
