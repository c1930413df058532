import { createInterface, type Interface } from 'node:readline';
import { connect as connectTls, type TLSSocket } from 'node:tls';

export interface IdleViewOptions {
  host: string;
  port: number;
  user: string;
  password: string;
  mailbox: string;
}

/** What a client knows of a message: its UID once it was told. */
interface Known {
  uid: number | undefined;
}

/**
 * An IMAP client that stays in IDLE and knows the mailbox only from what it was told (QRESYNC, so that VANISHED tells UIDs).
 * When its connection ends it comes back and asks what it missed since the last MODSEQ it was told.
 */
export class IdleView {
  readonly objections: string[] = [];
  readonly #options: IdleViewOptions;
  #socket: TLSSocket | undefined;
  #reader: Interface | undefined;
  #known: Known[] = [];
  #uidValidity = 0;
  /** All up to here is known; a resynchronisation begins there, also after one that broke off. */
  #modseq = 0;
  /** What the mailbox was said to have come to. */
  #heardModseq = 0;
  #highestUid = 0;
  #tag = 0;
  #closed = false;
  #running: Promise<void> | undefined;
  /** Called with every line. */
  #changed: () => void = () => {};
  reconnects = 0;

  constructor(options: IdleViewOptions) {
    this.#options = options;
  }

  /** Starts, and resolves when it idles for the first time. */
  async start(): Promise<void> {
    await new Promise<void>((idles, failed) => {
      this.#running = this.#run(idles).catch(failed);
    });
  }

  /** Resolves when it was told of a message, or that it is gone again; to false when that took longer (ms). */
  async hasUid(uid: number, ms: number): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (this.#highestUid < uid) {
      const left = deadline - Date.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 500));
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }

  async #run(idles: () => void): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#session(idles);
      } catch (error) {
        if (error instanceof Broken) throw error;
      }
      this.#socket?.destroy();
      this.#reader?.close();
      this.reconnects += 1;
      if (!this.#closed) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #session(idles: () => void): Promise<void> {
    const { host, port, user, password, mailbox } = this.#options;
    const socket = connectTls({ host, port, rejectUnauthorized: false });
    socket.setTimeout(60_000, () => socket.destroy());
    socket.on('error', () => {});
    this.#socket = socket;
    this.#reader = createInterface({ input: socket });
    const lines = this.#reader[Symbol.asyncIterator]();
    await this.#next(lines);
    await this.#command(lines, `LOGIN ${user} "${password}"`);
    await this.#command(lines, 'ENABLE QRESYNC');
    if (this.#modseq === 0) {
      this.#known = [];
      await this.#command(lines, `SELECT ${mailbox}`);
      await this.#command(lines, 'UID FETCH 1:* (FLAGS)');
    } else {
      // What came before the connection ended stays known; the rest is told now.
      const known = this.#known.filter(({ uid }) => uid !== undefined);
      this.#known = known;
      this.#resync = [...known] as { uid: number }[];
      try {
        await this.#command(lines, `SELECT ${mailbox} (QRESYNC (${this.#uidValidity} ${this.#modseq}))`);
        this.#merge();
      } finally {
        this.#resync = undefined;
      }
    }
    this.#complete();
    idles();
    await this.#idle(lines);
  }

  #resync: { uid: number }[] | undefined;
  #exists = 0;

  /** After SELECT with QRESYNC: what was known, less what vanished, plus what was fetched. */
  #merge(): void {
    const known = this.#resync ?? [];
    this.#resync = undefined;
    if (known.length > this.#exists) this.objections.push(`${known.length} messages known, ${this.#exists} there`);
    this.#known = known.sort((a, b) => a.uid - b.uid);
    while (this.#known.length < this.#exists) this.#known.push({ uid: undefined });
  }

  async #idle(lines: AsyncIterator<string>): Promise<void> {
    for (;;) {
      const tag = `t${++this.#tag}`;
      this.#socket?.write(`${tag} IDLE\r\n`);
      let done = false;
      // A new message is told by its number; its UID is asked for, as a client would.
      for (;;) {
        const line = await this.#next(lines);
        if (line.startsWith(`${tag} `)) break;
        if (line.startsWith('+')) continue;
        this.#hear(line);
        if (!done && this.#known.some(({ uid }) => uid === undefined)) {
          done = true;
          this.#socket?.write('DONE\r\n');
        }
      }
      const from = this.#known.findIndex(({ uid }) => uid === undefined);
      if (from >= 0) await this.#command(lines, `FETCH ${from + 1}:* (UID FLAGS)`);
      this.#complete();
    }
  }

  async #command(lines: AsyncIterator<string>, text: string): Promise<void> {
    const tag = `t${++this.#tag}`;
    this.#socket?.write(`${tag} ${text}\r\n`);
    for (;;) {
      const line = await this.#next(lines);
      if (line.startsWith(`${tag} OK`)) {
        this.#note(line);
        return;
      }
      if (line.startsWith(`${tag} `)) throw new Error(`${text.split(' ')[0]}: ${line}`);
      this.#hear(line);
    }
  }

  async #next(lines: AsyncIterator<string>): Promise<string> {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the connection ended');
    if (value.startsWith('* BYE')) throw new Error(value);
    return value;
  }

  #note(line: string): void {
    const modseq = Number(/HIGHESTMODSEQ (\d+)/.exec(line)?.[1] ?? 0);
    this.#heardModseq = Math.max(this.#heardModseq, modseq);
    const validity = Number(/UIDVALIDITY (\d+)/.exec(line)?.[1] ?? 0);
    if (validity === 0) return;
    if (this.#uidValidity !== 0 && validity !== this.#uidValidity) throw new Broken('UIDVALIDITY changed');
    this.#uidValidity = validity;
  }

  #complete(): void {
    if (this.#known.some(({ uid }) => uid === undefined)) return;
    this.#modseq = Math.max(this.#modseq, this.#heardModseq);
  }

  #hear(line: string): void {
    this.#note(line);
    const exists = /^\* (\d+) EXISTS/.exec(line)?.[1];
    const vanished = /^\* VANISHED (?:\(EARLIER\) )?([\d,:]+)/.exec(line)?.[1];
    const fetch = /^\* (\d+) FETCH .*\bUID (\d+)/.exec(line);
    if (exists !== undefined) this.#grow(Number(exists));
    else if (vanished !== undefined) this.#vanish(vanished, line.includes('(EARLIER)'));
    else if (fetch !== null) this.#fetched(Number(fetch[1]), Number(fetch[2]), line);
    const modseq = Number(/MODSEQ \((\d+)\)/.exec(line)?.[1] ?? 0);
    // Only what is complete moves the mark from which a resynchronisation begins.
    if (this.#resync === undefined && modseq > this.#modseq && !this.#known.some(({ uid }) => uid === undefined)) {
      this.#modseq = modseq;
    }
    this.#changed();
  }

  #grow(count: number): void {
    this.#exists = count;
    if (this.#resync !== undefined) return;
    if (count < this.#known.length) this.objections.push(`EXISTS ${count} after ${this.#known.length}`);
    while (this.#known.length < count) this.#known.push({ uid: undefined });
  }

  #fetched(number: number, uid: number, line: string): void {
    if (this.#resync !== undefined) {
      if (!this.#resync.some((known) => known.uid === uid)) this.#resync.push({ uid });
    } else {
      const message = this.#known[number - 1];
      if (message === undefined) this.objections.push(`${line} with ${this.#known.length} messages`);
      else if (message.uid !== undefined && message.uid !== uid)
        this.objections.push(`${line}, was UID ${message.uid}`);
      else message.uid = uid;
    }
    this.#highestUid = Math.max(this.#highestUid, uid);
  }

  /** What vanished `earlier` is not in the count that was told. */
  #vanish(set: string, earlier: boolean): void {
    const ranges = set.split(',').map((range) => {
      const [first, last = first] = range.split(':').map(Number) as [number, number?];
      return { first, last };
    });
    const gone = (uid: number) => ranges.some(({ first, last }) => uid >= first && uid <= last);
    if (this.#resync !== undefined) {
      this.#resync = this.#resync.filter(({ uid }) => !gone(uid));
      if (!earlier) this.#exists -= ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
      return;
    }
    const left = this.#known.filter(({ uid }) => uid === undefined || !gone(uid));
    // The others were gone before their UIDs could be asked for: they are among those at the end whose UIDs are not known.
    const unknown =
      ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0) - (this.#known.length - left.length);
    for (let n = 0; n < unknown && left.at(-1)?.uid === undefined && left.length > 0; n++) left.pop();
    this.#known = left;
  }

  /** UIDs that it knows, in the order it was told. */
  get uids(): (number | undefined)[] {
    return this.#known.map(({ uid }) => uid);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#socket?.destroy();
    this.#reader?.close();
    await this.#running;
  }
}

/** What no reconnection mends. */
class Broken extends Error {}
