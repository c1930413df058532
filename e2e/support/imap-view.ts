import { createInterface } from 'node:readline';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { PASSWORD, type Stoa } from './stoa.ts';

export interface SeenMessage {
  /** Undefined until a FETCH told it. */
  uid: number | undefined;
  flags: string | undefined;
}

/** During these no message number may shift (RFC 9051 section 7.5.1). */
const NUMBERS_STAND = new Set(['FETCH', 'STORE', 'SEARCH']);

/**
 * An IMAP client that knows its mailbox only from what the server told it. It objects to everything that a client could
 * not make sense of: a number beyond the last message, an EXPUNGE where none may come, a count that shrinks.
 */
export class ImapView {
  messages: SeenMessage[] = [];
  readonly objections: string[] = [];
  readonly #socket: TLSSocket;
  readonly #lines: AsyncIterator<string>;
  #tag = 0;
  #command = '';

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async select(stoa: Stoa, user: string, mailbox: string, ...enable: string[]): Promise<ImapView> {
    const view = new ImapView(connectTls({ port: stoa.port('imaps'), host: '127.0.0.1', rejectUnauthorized: false }));
    await view.#line();
    await view.command(`LOGIN ${user}@example.test "${PASSWORD}"`);
    for (const capability of enable) await view.command(`ENABLE ${capability}`);
    await view.command(`SELECT ${mailbox}`);
    await view.command('FETCH 1:* (UID FLAGS)');
    return view;
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('the server ended the connection');
    return value;
  }

  /** Sends a command and takes in all that is told until its tagged response, which is returned. */
  async command(text: string): Promise<string> {
    this.#tag += 1;
    const tag = `t${this.#tag}`;
    this.#command = text.split(' ')[0] as string;
    this.#socket.write(`${tag} ${text}\r\n`);
    for (;;) {
      const line = await this.#line();
      if (line.startsWith(`${tag} `)) return line.slice(tag.length + 1);
      this.#hear(line);
    }
  }

  #hear(line: string): void {
    const [, digits, what] = /^\* (\d+) (EXISTS|EXPUNGE|FETCH)/.exec(line) ?? [];
    const vanished = /^\* VANISHED ([\d,:]+)/.exec(line)?.[1];
    if (vanished !== undefined) this.#vanish(vanished);
    if (what === undefined) return;
    const number = Number(digits);
    if (what === 'EXISTS') {
      if (number < this.messages.length)
        this.objections.push(`${this.#command}: EXISTS ${number} after ${this.messages.length}`);
      while (this.messages.length < number) this.messages.push({ uid: undefined, flags: undefined });
      return;
    }
    if (number < 1 || number > this.messages.length) {
      this.objections.push(`${this.#command}: ${line} with ${this.messages.length} messages`);
      return;
    }
    if (what === 'EXPUNGE') {
      if (NUMBERS_STAND.has(this.#command)) this.objections.push(`${this.#command}: ${line}`);
      this.messages.splice(number - 1, 1);
      return;
    }
    const message = this.messages[number - 1] as SeenMessage;
    const uid = /[( ]UID (\d+)/.exec(line)?.[1];
    const flags = /FLAGS \(([^)]*)\)/.exec(line)?.[1];
    if (uid !== undefined) {
      if (message.uid !== undefined && message.uid !== Number(uid))
        this.objections.push(`${line}, which had UID ${message.uid}`);
      message.uid = Number(uid);
    }
    if (flags !== undefined)
      message.flags = flags
        .split(' ')
        .filter((flag) => flag !== '\\Recent')
        .sort()
        .join(' ');
  }

  #vanish(set: string): void {
    if (NUMBERS_STAND.has(this.#command)) this.objections.push(`${this.#command}: VANISHED ${set}`);
    for (const range of set.split(',')) {
      const [first, last = first] = range.split(':').map(Number) as [number, number?];
      for (let uid = first; uid <= last; uid++) this.#remove(uid);
    }
  }

  /** By its UID, or, where it was not told that yet, one of those that stand where the UID must. */
  #remove(uid: number): void {
    const known = this.messages.findIndex((message) => message.uid === uid);
    if (known >= 0) {
      this.messages.splice(known, 1);
      return;
    }
    const below = this.messages.findLastIndex((message) => message.uid !== undefined && message.uid < uid);
    if (this.messages[below + 1]?.uid !== undefined || below + 1 >= this.messages.length) {
      this.objections.push(`${this.#command}: VANISHED ${uid}, which there was not`);
      return;
    }
    this.messages.splice(below + 1, 1);
  }

  /** What it shows, once it was told everything: UID and flags of each message. */
  async settled(): Promise<string[]> {
    await this.command('NOOP');
    const unknown = this.messages.findIndex(({ uid, flags }) => uid === undefined || flags === undefined);
    if (unknown >= 0) await this.command(`FETCH ${unknown + 1}:* (UID FLAGS)`);
    return this.messages.map(({ uid, flags }) => `${uid} ${flags}`);
  }

  close(): void {
    this.#socket.destroy();
  }
}
