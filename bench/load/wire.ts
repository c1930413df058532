import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Target {
  port: number;
  tls?: boolean;
}

/** Longest time without an octet from the server while one is waited for. */
const MAX_SILENCE_MS = 60_000;

/** Is given the octets as they come; the view is overwritten afterwards. Returns true when the reply is whole. */
export type Reader = (octets: Buffer) => boolean;

/**
 * One connection that asks and waits: no queue, no lines, no strings. In the clear, octets are read into one buffer that all
 * connections of the process share.
 */
export class Wire {
  readonly socket: Socket;
  #reader: Reader | undefined;
  #resolve: (() => void) | undefined;
  #reject: ((error: Error) => void) | undefined;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection ended')));
    socket.on('timeout', () => {
      if (this.#resolve !== undefined) this.#fail(new Error(`no answer within ${MAX_SILENCE_MS} ms`));
    });
    socket.setTimeout(MAX_SILENCE_MS);
  }

  static async open({ port, tls = false }: Target): Promise<Wire> {
    let wire: Wire | undefined;
    const early: Buffer[] = [];
    const take = (octets: Buffer) => {
      if (wire === undefined) early.push(Buffer.from(octets));
      else wire.#take(octets);
    };
    const socket = tls
      ? connectTls({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false })
      : connect({
          host: '127.0.0.1',
          port,
          onread: {
            buffer: shared,
            callback: (length) => {
              take(shared.subarray(0, length));
              return true;
            },
          },
        });
    if (tls) socket.on('data', take);
    await once(socket, tls ? 'secureConnect' : 'connect');
    wire = new Wire(socket);
    for (const octets of early) wire.#early.push(octets);
    return wire;
  }

  /** Octets that came before anybody asked for them: the greeting. */
  readonly #early: Buffer[] = [];

  #take(octets: Buffer): void {
    if (this.#reader === undefined) {
      // A notice that belongs to no command, or the greeting.
      if (this.#early.length < 16) this.#early.push(Buffer.from(octets));
      return;
    }
    if (!this.#reader(octets)) return;
    const resolve = this.#resolve;
    this.#reader = undefined;
    this.#resolve = undefined;
    this.#reject = undefined;
    resolve?.();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#reject?.(this.#failure);
    this.#reject = undefined;
    this.#resolve = undefined;
    this.#reader = undefined;
    this.socket.destroy();
  }

  /** Resolves when the reader has its reply; what it throws is for it to keep. */
  read(reader: Reader): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#reader = reader;
      this.#resolve = resolve;
      this.#reject = reject;
      while (this.#early.length > 0 && this.#reader !== undefined) this.#take(this.#early.shift() as Buffer);
    });
  }

  /** What comes from here on goes to this function, until the connection ends. */
  listen(told: (octets: Buffer) => void): void {
    this.socket.setTimeout(0);
    this.read((octets) => {
      told(octets);
      return false;
    }).catch(() => {});
  }

  send(octets: Uint8Array): void {
    this.socket.write(octets);
  }

  /** Forgets what came without being asked for. */
  forget(): void {
    this.#early.length = 0;
  }

  close(): void {
    this.socket.destroy();
  }
}

const shared = Buffer.allocUnsafeSlow(256 * 1024);
