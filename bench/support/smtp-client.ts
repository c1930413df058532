import { LineConnection } from './line-connection.ts';

/** An SMTP client as another server is one: it stays connected, and pipelines the envelope. */
export class SmtpClient {
  readonly #connection: LineConnection;

  private constructor(connection: LineConnection) {
    this.#connection = connection;
  }

  static async open(port: number, host = '127.0.0.1'): Promise<SmtpClient> {
    const client = new SmtpClient(await LineConnection.open(port, { host }));
    await client.#reply('220');
    client.#connection.write('EHLO bench.example.test\r\n');
    await client.#reply('250');
    return client;
  }

  /** Resolves when the server says that it has the message. The message has no line that begins with a dot. */
  async deliver(to: string, message: Uint8Array, from = 'sender@elsewhere.test'): Promise<void> {
    this.#connection.write(`MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
    await this.#reply('250');
    await this.#reply('250');
    await this.#reply('354');
    this.#connection.write(message);
    this.#connection.write('.\r\n');
    await this.#reply('250');
  }

  async #reply(code: string): Promise<void> {
    for (;;) {
      const line = await this.#connection.line();
      if (line[3] === '-') continue;
      if (!line.startsWith(code)) throw new Error(`instead of ${code}: ${line}`);
      return;
    }
  }

  close(): void {
    this.#connection.close();
  }
}
