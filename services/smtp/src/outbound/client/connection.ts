import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { type SmtpReply, SmtpReplyParser, SmtpSyntaxError } from '@stoa/mail';
import { ConnectionEnded, OctetSource } from '@stoa/service-kit';
import type { Target } from '../route/route.ts';

/** The connection is of no more use. `reply`: what the server said as its last word. */
export class ConnectionLost extends Error {
  readonly reply: SmtpReply | undefined;

  constructor(message: string, options: { reply?: SmtpReply | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ConnectionLost';
    this.reply = options.reply;
  }
}

export interface ConnectOptions {
  readonly timeoutMs: number;
  /** Addresses to connect from; that of the target's IP version is used. */
  readonly sourceAddresses: readonly string[];
  /** Ends the connection, now or later. */
  readonly signal: AbortSignal;
}

export interface TlsOptions {
  readonly timeoutMs: number;
  /** Refuse a certificate that is not of the host, or of an unknown authority. */
  readonly verify: boolean;
  /** Authorities in PEM. */
  readonly ca: string | undefined;
}

/** The client's end of a connection to a server: writes octets, reads replies, each within a time. */
export class ServerConnection {
  readonly target: Target;
  #socket: Socket | TLSSocket;
  #source: OctetSource;
  #parser = new SmtpReplyParser();
  #error: Error | undefined;
  #closed = false;
  #stopWatching: () => void = () => {};

  private constructor(target: Target, socket: Socket) {
    this.target = target;
    this.#socket = socket;
    this.#source = this.#adopt(socket);
  }

  /** Rejects with ConnectionLost. */
  static async connect(target: Target, options: ConnectOptions): Promise<ServerConnection> {
    const { signal, timeoutMs, sourceAddresses } = options;
    const localAddress = sourceAddresses.find((source) => isIP(source) === isIP(target.address));
    const socket = connectTcp({
      host: target.address,
      port: target.port,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    const connection = new ServerConnection(target, socket);
    connection.watch(signal);
    try {
      await connection.#event('connect', timeoutMs, 'no connection');
    } catch (error) {
      connection.destroy();
      throw error;
    }
    socket.setNoDelay(true);
    return connection;
  }

  get isSecure(): boolean {
    return 'encrypted' in this.#socket && this.#socket.encrypted;
  }

  /** Something came that was not asked for yet. */
  get hasInput(): boolean {
    return this.#source.ready || this.#parser.buffered > 0;
  }

  get isClosed(): boolean {
    return this.#closed || this.#socket.destroyed || this.#socket.readableEnded;
  }

  /** From now on this signal ends the connection, and no earlier one. */
  watch(signal: AbortSignal | undefined): void {
    this.#stopWatching();
    this.#stopWatching = () => {};
    if (signal === undefined) return;
    const abort = () => this.#fail(new Error('the delivery was stopped'));
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    this.#stopWatching = () => signal.removeEventListener('abort', abort);
  }

  /** Calls back once, when the server sends something or hangs up. Returns a function that takes this back. */
  onActivity(callback: () => void): () => void {
    const socket = this.#socket;
    const off = () => {
      for (const event of ['data', 'end', 'close']) socket.off(event, once);
    };
    const once = () => {
      off();
      callback();
    };
    for (const event of ['data', 'end', 'close']) socket.on(event, once);
    return off;
  }

  /** The next reply, whole within the time. Rejects with ConnectionLost. */
  async read(timeoutMs: number): Promise<SmtpReply> {
    const end = performance.now() + timeoutMs;
    try {
      for (;;) {
        const reply = this.#parser.next();
        if (reply !== undefined) return reply;
        this.#parser.push(await this.#source.read(Math.max(end - performance.now(), 0)));
      }
    } catch (error) {
      throw this.#lost(error);
    }
  }

  /**
   * Writes octets; waits while the server takes none, for the time at most, or until it says something. Rejects with
   * ConnectionLost.
   */
  async write(octets: string | readonly Buffer[], timeoutMs: number): Promise<void> {
    const socket = this.#socket;
    if (this.isClosed) throw this.#lost(new ConnectionEnded('closed'));
    if (typeof octets === 'string') socket.write(octets);
    else {
      socket.cork();
      for (const piece of octets) socket.write(piece);
      socket.uncork();
    }
    if (socket.writableNeedDrain) await this.#drained(timeoutMs);
  }

  #drained(timeoutMs: number): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        clearTimeout(timer);
        for (const event of ['drain', 'data', 'end']) socket.off(event, done);
        socket.off('close', closed);
        if (error === undefined) resolve();
        else reject(error);
      };
      const done = () => settle();
      const closed = () => settle(this.#lost(new ConnectionEnded('closed')));
      const timer = setTimeout(() => settle(this.#lost(new ConnectionEnded('timeout'))), timeoutMs);
      for (const event of ['drain', 'data', 'end']) socket.on(event, done);
      socket.on('close', closed);
      if (this.isClosed) closed();
    });
  }

  /** Goes on under TLS (RFC 3207). Rejects with ConnectionLost. */
  async secure({ timeoutMs, verify, ca }: TlsOptions): Promise<void> {
    // What came in the clear and was not asked for may be an attacker's: RFC 3207 section 4.2.
    const left = this.#source.detach();
    if (left.length > 0 || this.#parser.buffered > 0)
      throw new ConnectionLost('the server spoke before the TLS handshake');
    const { host } = this.target;
    const options: ConnectionOptions = { socket: this.#socket, host, rejectUnauthorized: verify };
    if (isIP(host) === 0) options.servername = host;
    if (ca !== undefined) options.ca = ca;
    const secure = connectTls(options);
    this.#socket = secure;
    this.#source = this.#adopt(secure);
    this.#parser = new SmtpReplyParser();
    await this.#event('secureConnect', timeoutMs, 'the TLS handshake failed');
  }

  /** Says goodbye and hangs up. Never rejects. */
  async quit(timeoutMs: number): Promise<void> {
    if (!this.isClosed) {
      try {
        await this.write('QUIT\r\n', timeoutMs);
        await this.read(timeoutMs);
      } catch {
        // It is over either way.
      }
    }
    this.destroy();
  }

  destroy(): void {
    this.#stopWatching();
    this.#closed = true;
    this.#socket.destroy();
  }

  #adopt(socket: Socket): OctetSource {
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('close', () => {
      if (socket === this.#socket) this.#closed = true;
    });
    return new OctetSource(socket);
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#closed = true;
    this.#socket.destroy();
  }

  #event(name: 'connect' | 'secureConnect', timeoutMs: number, what: string): Promise<void> {
    const socket: Socket = this.#socket;
    return new Promise((resolve, reject) => {
      const settle = (problem?: string) => {
        clearTimeout(timer);
        socket.off(name, opened);
        socket.off('close', closed);
        if (problem === undefined) resolve();
        else reject(new ConnectionLost(problem, { cause: this.#error }));
      };
      const opened = () => settle();
      const closed = () => settle(`${what}: ${describe(this.#error)}`);
      const timer = setTimeout(() => settle(`${what} in time`), timeoutMs);
      socket.on(name, opened);
      socket.on('close', closed);
      if (socket.destroyed) closed();
    });
  }

  #lost(error: unknown): ConnectionLost {
    if (error instanceof SmtpSyntaxError) return new ConnectionLost('the server broke the protocol', { cause: error });
    const timedOut = error instanceof ConnectionEnded && error.timedOut;
    const text = timedOut ? 'the server did not answer in time' : `the connection was lost: ${describe(this.#error)}`;
    return new ConnectionLost(text, { cause: this.#error ?? error });
  }
}

/** Says an error of the network in a few words; what it carries beyond its code is for the log. */
function describe(error: Error | undefined): string {
  if (error === undefined) return 'closed by the server';
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.message.slice(0, 100);
}
