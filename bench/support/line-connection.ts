import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** A connection of which lines are read as cheaply as may be: a load generator must not be what is measured. */
export class LineConnection {
  readonly #socket: Socket;
  #lines: string[] = [];
  #first = 0;
  #rest = '';
  #wake: (() => void) | undefined;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#take(text));
    const fail = (error: Error) => {
      this.#failure ??= error;
      this.#wake?.();
    };
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection ended')));
  }

  static async open(port: number, { tls = false, host = '127.0.0.1' } = {}): Promise<LineConnection> {
    const socket = tls
      ? connectTls({ host, port, servername: 'localhost', rejectUnauthorized: false })
      : connect(port, host);
    await once(socket, tls ? 'secureConnect' : 'connect');
    return new LineConnection(socket);
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split('\r\n');
    this.#rest = parts.pop() as string;
    if (parts.length === 0) return;
    if (this.#first === this.#lines.length) {
      this.#lines = parts;
      this.#first = 0;
    } else {
      this.#lines.push(...parts);
    }
    this.#wake?.();
  }

  write(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  /** The next line, without its end. */
  async line(): Promise<string> {
    while (this.#first === this.#lines.length) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return this.#lines[this.#first++] as string;
  }

  close(): void {
    this.#socket.destroy();
  }
}
