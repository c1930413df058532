import { type Target, Wire } from './wire.ts';

const LF = 10;
const DASH = 45;
const END_OF_DATA = Buffer.from('.\r\n');

/** An SMTP client as a relay is one: it stays connected, and pipelines the envelope (RFC 2920). */
export class SmtpLoad {
  readonly #wire: Wire;
  /** Replies still to come. */
  #left = 0;
  /** Octets of the line that is coming, as far as the code and the sign after it. */
  #column = 0;
  #first = 0;
  #continues = false;
  #failed = 0;

  private constructor(wire: Wire) {
    this.#wire = wire;
  }

  static async open(target: Target): Promise<SmtpLoad> {
    const client = new SmtpLoad(await Wire.open(target));
    await client.#replies(1);
    await client.#ask(Buffer.from('EHLO client.example.test\r\n'), 1);
    return client;
  }

  readonly #read = (octets: Buffer): boolean => {
    for (const octet of octets) {
      if (this.#column === 0) this.#first = octet;
      else if (this.#column === 3) this.#continues = octet === DASH;
      this.#column += 1;
      if (octet !== LF) continue;
      this.#column = 0;
      if (this.#continues) continue;
      // "4" and "5" begin refusals.
      if (this.#first >= 52) this.#failed = this.#first;
      this.#left -= 1;
    }
    return this.#left <= 0;
  };

  async #replies(count: number): Promise<void> {
    this.#left = count;
    await this.#wire.read(this.#read);
    if (this.#failed !== 0) throw new Error(`the server refuses, with ${String.fromCharCode(this.#failed)}xx`);
  }

  async #ask(octets: Uint8Array, replies: number): Promise<void> {
    const answered = this.#replies(replies);
    this.#wire.send(octets);
    await answered;
  }

  /** Resolves when the server says that it has the message, which ends with a line's end and has no line that begins with a dot. */
  async deliver({ octets, replies }: Envelope, message: Uint8Array): Promise<void> {
    await this.#ask(octets, replies);
    const taken = this.#replies(1);
    this.#wire.socket.cork();
    this.#wire.send(message);
    this.#wire.send(END_OF_DATA);
    this.#wire.socket.uncork();
    await taken;
  }

  close(): void {
    this.#wire.close();
  }
}

/** MAIL, RCPT and DATA as they go over the wire, and how many replies they get. */
export interface Envelope {
  readonly octets: Buffer;
  readonly replies: number;
}

export function envelope(to: readonly string[], from = 'sender@elsewhere.test'): Envelope {
  const recipients = to.map((address) => `RCPT TO:<${address}>\r\n`).join('');
  return { octets: Buffer.from(`MAIL FROM:<${from}>\r\n${recipients}DATA\r\n`), replies: to.length + 2 };
}
