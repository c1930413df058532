import { type Target, Wire } from './wire.ts';

/** The tag of every command: nothing is sent before the last answer came, and no message has it at the start of a line. */
const TAG = '~b';
const TAG_OCTETS = Buffer.from(`${TAG} `);
const TAG_LINE = Buffer.from(`\r\n${TAG} `);
const LF = 10;
const CR = 13;

/** A command as it goes over the wire, to be made before the clock runs. */
export function imapCommand(text: string, literal?: Uint8Array): Buffer {
  if (literal === undefined) return Buffer.from(`${TAG} ${text}\r\n`);
  return Buffer.concat([Buffer.from(`${TAG} ${text} {${literal.length}+}\r\n`), literal, Buffer.from('\r\n')]);
}

/** An IMAP client that sends one command, waits for its end and looks at no more than that it succeeded. */
export class ImapLoad {
  readonly #wire: Wire;
  /** Start of a line whose end has not come. */
  #line: Buffer | undefined;
  #completion = '';
  /** Octets of the answer, kept where somebody asks for them. */
  #kept: Buffer[] | undefined;
  #received = 0;

  private constructor(wire: Wire) {
    this.#wire = wire;
  }

  static async open(target: Target): Promise<ImapLoad> {
    const wire = await Wire.open(target);
    await wire.read((octets) => octets.at(-1) === LF);
    return new ImapLoad(wire);
  }

  static async login(target: Target, user: string, password: string): Promise<ImapLoad> {
    const client = await ImapLoad.open(target);
    await client.run(imapCommand(`LOGIN ${user} "${password}"`));
    return client;
  }

  /** Octets that came with the last answer. */
  get received(): number {
    return this.#received;
  }

  readonly #read = (octets: Buffer): boolean => {
    this.#received += octets.length;
    this.#kept?.push(Buffer.from(octets));
    const length = octets.length;
    if (octets[length - 1] !== LF) {
      // Long literals come in pieces without a line's end: only the start of a line can be a tag.
      const start = octets.lastIndexOf(LF) + 1;
      const rest = octets.subarray(start, Math.min(length, start + 512));
      this.#line = start === 0 && this.#line !== undefined ? joined(this.#line, rest) : Buffer.from(rest);
      return false;
    }
    const start = length < 2 ? 0 : octets.lastIndexOf(LF, length - 2) + 1;
    let last = octets.subarray(start, length);
    if (start === 0 && this.#line !== undefined) last = joined(this.#line, last);
    this.#line = undefined;
    if (isTagged(last)) return this.#complete(last);
    // What the server says after the end of the command, without being asked.
    const at = octets.indexOf(TAG_LINE);
    if (at < 0) return false;
    const end = octets.indexOf(LF, at + TAG_LINE.length);
    return end >= 0 && this.#complete(octets.subarray(at + 2, end + 1));
  };

  #complete(line: Buffer): boolean {
    this.#completion = line[TAG_OCTETS.length] === 79 ? '' : line.toString('latin1').trimEnd();
    return true;
  }

  /** Resolves when the command succeeded. */
  async run(command: Uint8Array): Promise<void> {
    this.#received = 0;
    this.#line = undefined;
    this.#wire.forget();
    const answer = this.#wire.read(this.#read);
    this.#wire.send(command);
    await answer;
    if (this.#completion !== '') {
      const text = Buffer.from(command.subarray(0, 60)).toString('latin1').split('\r\n')[0];
      throw new Error(`${text}: ${this.#completion}`);
    }
  }

  /** Resolves with the untagged part of the answer. */
  async ask(text: string): Promise<Buffer> {
    this.#kept = [];
    try {
      await this.run(imapCommand(text));
      const whole = Buffer.concat(this.#kept);
      return whole.subarray(0, Math.max(0, whole.lastIndexOf(TAG_LINE)));
    } finally {
      this.#kept = undefined;
    }
  }

  /** Idles until the connection ends; resolves when the server says that it does. */
  async idle(told: (octets: Buffer) => void = () => {}): Promise<void> {
    const asked = this.#wire.read((octets) => octets.indexOf('+ ') >= 0 || octets[0] === 43);
    this.#wire.send(imapCommand('IDLE'));
    await asked;
    this.#wire.listen(told);
  }

  close(): void {
    this.#wire.close();
  }
}

function joined(first: Buffer, second: Buffer): Buffer {
  return first.length >= 512 ? first : Buffer.concat([first, second]);
}

function isTagged(line: Buffer): boolean {
  return (
    line.length > TAG_OCTETS.length + 2 &&
    line[line.length - 2] === CR &&
    TAG_OCTETS.compare(line, 0, TAG_OCTETS.length) === 0
  );
}
