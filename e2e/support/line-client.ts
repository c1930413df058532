import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** A plain connection of which a scenario writes and reads each line. */
export class LineClient {
  readonly socket: Socket;
  readonly #lines: AsyncIterator<string>;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.#lines = createInterface({ input: this.socket })[Symbol.asyncIterator]();
  }

  /** The next line; undefined when the server ended the connection. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : value;
  }

  /** Lines up to the one that begins with `last`, or to the end of the connection. */
  async until(last: string): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.line();
      if (line === undefined) return lines;
      lines.push(line);
      if (line.startsWith(last)) return lines;
    }
  }

  /** Writes a line and reads one. */
  async say(text: string): Promise<string | undefined> {
    this.socket.write(`${text}\r\n`);
    return this.line();
  }
}
