import type { Socket } from 'node:net';
import { formatReply, type SmtpReply } from '@stoa/mail';
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
import { SmtpConnection } from './connection.ts';
import type { SmtpContext } from './context.ts';
import { BLOCKED, TOO_MANY_CONNECTIONS } from './replies.ts';
import { Session } from './session.ts';

/** Connections of all listeners together, for the limits. */
export class ConnectionCounter {
  total = 0;
  readonly #byAddress = new Map<string, number>();

  of(address: string): number {
    return this.#byAddress.get(address) ?? 0;
  }

  add(address: string, change: 1 | -1): void {
    this.total += change;
    const count = this.of(address) + change;
    if (count === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, count);
  }
}

/** One listening port. */
export class SmtpListener {
  readonly config: ListenerConfig;
  readonly #context: SmtpContext;
  readonly #counter: ConnectionCounter;
  readonly #blocks: AddressBlocks;
  readonly #listen: Listen;
  #listening: Listening | undefined;
  readonly connections = new Set<SmtpConnection>();
  #closed = false;
  #allGone: (() => void) | undefined;

  constructor(
    context: SmtpContext,
    config: ListenerConfig,
    counter: ConnectionCounter,
    blocks: AddressBlocks,
    listen: Listen,
  ) {
    this.config = config;
    this.#context = context;
    this.#counter = counter;
    this.#blocks = blocks;
    this.#listen = listen;
  }

  /** Resolves to the address that was bound. */
  async listen(): Promise<Address> {
    const { listen, name } = this.config;
    const port = { service: 'smtp', name, listen } as const;
    this.#listening = await this.#listen(port, (socket, elsewhere) => this.#accept(socket, elsewhere)).catch(
      (error) => {
        throw new StoaError(
          'unavailable',
          `smtp: cannot listen on ${formatAddress(listen)} for ${name}: ${error.message}; change smtp.listeners`,
          {
            cause: error,
          },
        );
      },
    );
    return this.#listening.address;
  }

  get sessions(): number {
    return this.connections.size;
  }

  #accept(socket: Socket, elsewhere: Elsewhere): void {
    const remote = (socket.remoteAddress ?? '').replace(/^::ffff:/i, '');
    socket.on('error', () => socket.destroy());
    if (this.#isFull(remote, elsewhere)) {
      this.#refuse(socket, TOO_MANY_CONNECTIONS);
      return;
    }
    const blocked = this.#blocks.isBlocked(remote);
    if (typeof blocked === 'boolean') {
      this.#admit(socket, remote, blocked);
      return;
    }
    // Who waits for the answer counts, so that a flood of clients does not become a flood of questions.
    this.#counter.add(remote, 1);
    void blocked.then((answer) => {
      this.#counter.add(remote, -1);
      if (this.#closed) socket.destroy();
      else if (!socket.destroyed) this.#admit(socket, remote, answer);
    });
  }

  #isFull(remote: string, elsewhere: Elsewhere): boolean {
    const { config } = this.#context;
    return (
      this.#counter.total + elsewhere.total >= config['max-connections'] ||
      this.#counter.of(remote) + elsewhere.ofAddress >= config['max-connections-per-address']
    );
  }

  #refuse(socket: Socket, refusal: SmtpReply): void {
    this.#context.metrics.connections.add(1, { listener: this.config.name, result: 'refused' });
    // On a TLS port no words can be said before the handshake.
    if (this.config.tls !== 'implicit') socket.end(formatReply(refusal));
    socket.resume();
    setTimeout(() => socket.destroy(), 1_000).unref();
  }

  #admit(socket: Socket, remote: string, blocked: boolean): void {
    if (blocked) {
      this.#refuse(socket, BLOCKED);
      return;
    }
    this.#context.metrics.connections.add(1, { listener: this.config.name, result: 'accepted' });
    this.#counter.add(remote, 1);
    const connection = new SmtpConnection(socket, new Session(this.#context, this.config, remote));
    this.connections.add(connection);
    void connection.run().finally(() => {
      this.#counter.add(remote, -1);
      this.connections.delete(connection);
      if (this.connections.size === 0) this.#allGone?.();
    });
  }

  /** Takes no new clients, lets those here finish their message; ends at the latest when the signal aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#closed = true;
    this.#listening?.close();
    for (const connection of this.connections) connection.drain();
    if (this.connections.size > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#allGone = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  stop(): void {
    this.#closed = true;
    this.#listening?.close();
    for (const connection of this.connections) connection.destroy();
  }
}
