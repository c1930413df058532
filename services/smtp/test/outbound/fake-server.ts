import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Hangs up without a word. */
export const CLOSE = Symbol('close');
/** Says nothing and waits. */
export const SILENCE = Symbol('silence');

export type Answer = string | typeof CLOSE | typeof SILENCE | undefined;

export interface FakeServerOptions {
  host?: string;
  port?: number;
  greeting?: Answer;
  /** Keywords of the reply to EHLO; undefined: EHLO is not known. */
  ehlo?: readonly string[] | undefined;
  /** An answer to a command in place of the usual one, without CRLF. */
  answer?(command: string, conversation: number): Answer;
  /** An answer to a message. */
  message?(message: ReceivedMessage, conversation: number): Answer;
  /** An answer while a message comes, once so many octets are there. */
  early?: { octets: number; answer: Answer };
  tls?: { cert: string; key: string } | 'broken';
  implicit?: boolean;
}

export interface ReceivedMessage {
  mail: string;
  rcpts: string[];
  data: string;
}

/** A scripted mail server on loopback. It keeps what it was told, and answers as it is told to. */
export class FakeServer {
  readonly options: FakeServerOptions;
  readonly messages: ReceivedMessage[] = [];
  /** What clients said, by conversation. */
  readonly conversations: string[][] = [];
  /** Connections open at the same time, at most. */
  mostOpen = 0;
  #open = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: FakeServerOptions = {}) {
    this.options = options;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async listen(options: FakeServerOptions = {}): Promise<FakeServer> {
    const server = new FakeServer(options);
    server.#server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Commands of all conversations. */
  get commands(): string[] {
    return this.conversations.flat();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    this.#open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.#open);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#open -= 1;
    });
    const number = this.conversations.push([]) - 1;
    new Conversation(this, number, socket).begin();
  }
}

class Conversation {
  readonly #server: FakeServer;
  readonly #number: number;
  #socket: Socket;
  #input = '';
  #mode: 'command' | 'data' | 'login' | 'mute' = 'command';
  #current: ReceivedMessage = { mail: '', rcpts: [], data: '' };
  #loginLines = 0;

  constructor(server: FakeServer, number: number, socket: Socket) {
    this.#server = server;
    this.#number = number;
    this.#socket = socket;
  }

  begin(): void {
    const { greeting, implicit } = this.#server.options;
    if (implicit === true) this.#secure();
    else this.#listen();
    this.#say(greeting ?? '220 mx.remote.test ESMTP');
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#input += chunk.toString('latin1');
      this.#work();
    });
  }

  #work(): void {
    while (this.#mode !== 'mute') {
      if (this.#mode === 'data') {
        const { early } = this.#server.options;
        if (early !== undefined && this.#input.length >= early.octets) {
          this.#mode = 'mute';
          this.#say(early.answer);
          return;
        }
        const end = this.#input.startsWith('.\r\n') ? 0 : this.#input.indexOf('\r\n.\r\n') + 2;
        if (end === 1) return;
        this.#current.data = this.#input.slice(0, end);
        this.#input = this.#input.slice(end + 3);
        this.#mode = 'command';
        const message = this.#current;
        this.#current = { mail: '', rcpts: [], data: '' };
        const answer = this.#server.options.message?.(message, this.#number) ?? '250 2.0.0 taken';
        if (typeof answer === 'string' && answer.startsWith('2')) this.#server.messages.push(message);
        this.#say(answer);
        continue;
      }
      const lf = this.#input.indexOf('\r\n');
      if (lf < 0) return;
      const line = this.#input.slice(0, lf);
      this.#input = this.#input.slice(lf + 2);
      this.#server.conversations[this.#number]?.push(line);
      this.#command(line);
    }
  }

  #command(line: string): void {
    const { options } = this.#server;
    if (this.#mode === 'login') {
      this.#loginLines += 1;
      this.#mode = this.#loginLines === 2 ? 'command' : 'login';
      this.#say(options.answer?.(line, this.#number) ?? (this.#loginLines === 2 ? '235 2.7.0 ok' : '334 UGFzc3dvcmQ6'));
      return;
    }
    const given = options.answer?.(line, this.#number);
    const answer = given ?? this.#usual(line);
    if (typeof answer === 'string' && answer.startsWith('354')) this.#mode = 'data';
    if (typeof answer === 'string' && answer.startsWith('2')) this.#note(line);
    this.#say(answer);
    if (line === 'STARTTLS' && typeof answer === 'string' && answer.startsWith('220')) this.#secure();
    if (line === 'QUIT') this.#socket.end();
  }

  #note(line: string): void {
    if (line.startsWith('MAIL')) this.#current = { mail: line, rcpts: [], data: '' };
    if (line.startsWith('RCPT')) this.#current.rcpts.push(line);
  }

  #usual(line: string): Answer {
    const { ehlo } = this.#server.options;
    switch (line.split(' ')[0]) {
      case 'EHLO':
        if (!('ehlo' in this.#server.options)) return ehloReply(['PIPELINING']);
        return ehlo === undefined ? '502 5.5.1 what?' : ehloReply(ehlo);
      case 'STARTTLS':
        return '220 2.0.0 go on';
      case 'AUTH':
        if (!line.startsWith('AUTH LOGIN')) return '235 2.7.0 ok';
        this.#mode = 'login';
        return '334 VXNlcm5hbWU6';
      case 'DATA':
        return this.#current.rcpts.length > 0 ? '354 go on' : '503 5.5.1 nobody to send it to';
      case 'QUIT':
        return '221 2.0.0 bye';
      default:
        return '250 2.0.0 ok';
    }
  }

  #secure(): void {
    const { tls } = this.#server.options;
    if (tls === 'broken' || tls === undefined) {
      this.#mode = 'mute';
      this.#socket.write('this is no handshake at all\r\n'.repeat(3));
      return;
    }
    this.#socket.removeAllListeners('data');
    const secure = new TLSSocket(this.#socket, { isServer: true, cert: tls.cert, key: tls.key });
    secure.on('error', () => {});
    this.#socket = secure;
    this.#input = '';
    this.#listen();
  }

  #say(answer: Answer): void {
    if (answer === CLOSE) {
      this.#mode = 'mute';
      this.#socket.destroy();
    } else if (answer === SILENCE || answer === undefined) this.#mode = 'mute';
    else this.#socket.write(`${answer}\r\n`);
  }
}

export function ehloReply(keywords: readonly string[]): string {
  return ['mx.remote.test', ...keywords]
    .map((line, i, all) => `250${i === all.length - 1 ? ' ' : '-'}${line}`)
    .join('\r\n');
}
