import { LineConnection } from './line-connection.ts';

export interface ImapAddress {
  host?: string;
  /** Of a listener with implicit TLS. */
  port: number;
  user: string;
  password: string;
}

/** An IMAP client that sends a command and waits for its answer. Answers with literals are counted by lines like others. */
export class ImapClient {
  readonly #connection: LineConnection;
  #tag = 0;

  private constructor(connection: LineConnection) {
    this.#connection = connection;
  }

  static async login({ host, port, user, password }: ImapAddress): Promise<ImapClient> {
    const connection = await LineConnection.open(port, { tls: true, ...(host === undefined ? {} : { host }) });
    const client = new ImapClient(connection);
    await connection.line();
    await client.command(`LOGIN ${user} "${password}"`);
    return client;
  }

  /** Resolves with the untagged lines when the command succeeded. */
  async command(text: string, literal?: Uint8Array): Promise<string[]> {
    const tag = `b${++this.#tag}`;
    if (literal === undefined) {
      this.#connection.write(`${tag} ${text}\r\n`);
    } else {
      this.#connection.write(`${tag} ${text} {${literal.length}+}\r\n`);
      this.#connection.write(literal);
      this.#connection.write('\r\n');
    }
    const lines: string[] = [];
    for (;;) {
      const line = await this.#connection.line();
      if (!line.startsWith(`${tag} `)) {
        lines.push(line);
        continue;
      }
      if (!line.startsWith(`${tag} OK`)) throw new Error(`${text.split(' ', 2).join(' ')}: ${line}`);
      return lines;
    }
  }

  /** A message of up to 4096 octets, as LITERAL- allows without a further question. */
  append(mailbox: string, message: Uint8Array, flags = ''): Promise<string[]> {
    return this.command(`APPEND ${mailbox} (${flags})`, message);
  }

  /** Idles from here on: calls `told` with each untagged line, at once when it came. Ends with the connection. */
  async idle(told: (line: string) => void): Promise<void> {
    this.#connection.write(`b${++this.#tag} IDLE\r\n`);
    for (;;) {
      const line = await this.#connection.line();
      if (line.startsWith('+')) break;
    }
    const listen = async () => {
      for (;;) told(await this.#connection.line());
    };
    listen().catch(() => {});
  }

  close(): void {
    this.#connection.close();
  }
}
