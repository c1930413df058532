import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  formatReply,
  type LineEvent,
  parseSmtpCommand,
  ENHANCED_STATUS as S,
  type SmtpCommand,
  SmtpLineReader,
  type SmtpReply,
  SmtpSyntaxError,
  smtpReply,
} from '@stoa/mail';
import { ConnectionEnded, OctetSource } from '@stoa/service-kit';
import { transactionRefusal } from './commands/data.ts';
import { COMMANDS, type Exchange, type Handler, type Next } from './commands/index.ts';
import { ChunkedMessage, DataMessage } from './incoming-message.ts';
import { receiveMessage } from './receive-message.ts';
import { BAD_SEQUENCE, SESSION_ENDED, SHUTTING_DOWN, TIMED_OUT, TOO_MANY_ERRORS } from './replies.ts';
import type { Session } from './session.ts';

const HANDSHAKE_TIMEOUT_MS = 30_000;
/** How long a client may take to close its side. */
const GOODBYE_MS = 1_000;
/** How long a session that is to end may take for the command that is under way. */
const END_MS = 1_500;
/** Senders of mailing lists put whole addresses into local parts (VERP). */
const MAX_LOCAL = 128;

/** Commands that leave a message in chunks alone, and those that break it off; others are out of turn. */
const BETWEEN_CHUNKS: ReadonlySet<string> = new Set(['BDAT', 'NOOP']);
const ENDS_CHUNKS: ReadonlySet<string> = new Set(['RSET', 'QUIT', 'EHLO', 'HELO', 'LHLO']);

const tracer = trace.getTracer('@stoa/service-smtp');

interface OpenChunks {
  message: ChunkedMessage;
  result: Promise<SmtpReply[]>;
  /** Set when the message was answered before its end. */
  settled: boolean;
}

/** One client: reads commands in order, answers them in order, replies to pipelined ones together. */
export class SmtpConnection implements Exchange {
  readonly session: Session;
  #socket: Duplex;
  readonly #raw: Socket;
  #source: OctetSource;
  #reader = new SmtpLineReader();
  #output: string[] = [];
  #chunks: OpenChunks | undefined;
  /** Said as soon as the client is between commands. */
  #farewell: SmtpReply | undefined;
  #idle = false;

  constructor(socket: Socket, session: Session) {
    this.#raw = socket;
    this.#socket = socket;
    this.session = session;
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    this.#source = new OctetSource(socket);
  }

  /** Speaks with the client until one of them ends it. Never rejects. */
  async run(): Promise<void> {
    try {
      if (this.session.listener.tls === 'implicit') await this.#startTls();
      const { hostname } = this.session.context.node;
      this.#reply(smtpReply(220, undefined, `${hostname} ${this.session.isLmtp ? 'LMTP' : 'ESMTP'}`));
      await this.#converse();
    } catch (error) {
      if (error instanceof ConnectionEnded) {
        if (error.timedOut) this.#reply(TIMED_OUT);
      } else {
        this.session.context.logger.error({ error, listener: this.session.listener.name }, 'a connection broke');
        this.#reply(smtpReply(421, S.tempSystem, 'Internal error'));
      }
      await this.#flush().catch(() => {});
    } finally {
      this.#chunks?.message.fail(new ConnectionEnded('closed'));
      this.#socket.end();
      // A client that does not close its side is not waited for.
      setTimeout(() => this.#raw.destroy(), GOODBYE_MS).unref();
    }
  }

  /** Says goodbye now where the client is between commands, else after the message that is under way. */
  drain(farewell = SHUTTING_DOWN): void {
    this.#farewell ??= farewell;
    if (!this.#idle) return;
    this.#reply(this.#farewell);
    void this.#flush()
      .catch(() => {})
      .then(() => {
        this.#socket.end();
        setTimeout(() => this.#raw.destroy(), GOODBYE_MS).unref();
      });
  }

  /** Ends the session of somebody who may not go on, after the command that is under way or without it. */
  endSession(): void {
    this.drain(SESSION_ENDED);
    setTimeout(() => this.#raw.destroy(), END_MS).unref();
  }

  destroy(): void {
    this.#raw.destroy();
  }

  async #converse(): Promise<void> {
    const { config } = this.session.context;
    for (;;) {
      const event = this.#reader.next();
      if (event === undefined) {
        await this.#flush();
        if (this.#farewell !== undefined && this.#chunks === undefined) {
          this.#reply(this.#farewell);
          return this.#flush();
        }
        this.#idle = this.#chunks === undefined;
        const octets = await this.#source.read(config['command-timeout']).finally(() => {
          this.#idle = false;
        });
        this.#reader.push(octets);
        continue;
      }
      const next = await this.#handle(event);
      if (next === 'quit') return this.#flush();
      if (next === 'start-tls') await this.#upgrade();
      if (this.session.errors >= config['max-errors']) {
        this.#reply(TOO_MANY_ERRORS);
        return this.#flush();
      }
    }
  }

  async #handle(event: LineEvent): Promise<Next> {
    if (event.type === 'fault') {
      this.session.errors += 1;
      this.#reply(event.error.reply);
      // Somebody who sends bare line ends may be hiding commands.
      return event.fault === 'too-long' ? 'continue' : 'quit';
    }
    let command: SmtpCommand;
    try {
      command = parseSmtpCommand(event.line, {
        extensions: this.session.extensions,
        utf8Transaction: this.session.transaction?.parameters.smtputf8 === true,
        maxLocal: MAX_LOCAL,
      });
    } catch (error) {
      if (!(error instanceof SmtpSyntaxError)) throw error;
      this.session.errors += 1;
      this.#reply(error.reply);
      // How many octets follow a BDAT that cannot be read is not known: they would be taken for commands.
      return /^bdat\b/i.test(event.line.toString('latin1', 0, 5)) ? 'quit' : 'continue';
    }
    if (this.#chunks !== undefined && !BETWEEN_CHUNKS.has(command.verb)) {
      if (!ENDS_CHUNKS.has(command.verb)) {
        this.session.errors += 1;
        this.#reply(BAD_SEQUENCE('A message in chunks is under way; send BDAT or RSET'));
        return 'continue';
      }
      await this.#abandonChunks();
    }
    const handler = COMMANDS[command.verb] as Handler<SmtpCommand['verb']>;
    const { replies, next } = await handler(this.session, command as never, this);
    for (const reply of replies) {
      if (reply.code >= 500 && command.verb !== 'RCPT') this.session.errors += 1;
      this.#reply(reply);
    }
    return next;
  }

  #reply(reply: SmtpReply): void {
    this.#output.push(formatReply(reply, { utf8: this.session.transaction?.parameters.smtputf8 === true }));
  }

  /** Replies to pipelined commands leave together (RFC 2920 section 3.2). */
  async #flush(): Promise<void> {
    if (this.#output.length === 0) return;
    const text = this.#output.join('');
    this.#output = [];
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    if (!this.#socket.write(text)) await this.#drained();
  }

  /** Waits until the client has read what was sent; a client that never does is left. */
  async #drained(): Promise<void> {
    const socket = this.#socket;
    await new Promise<void>((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer);
        socket.off('drain', done);
        socket.off('close', done);
        end();
      };
      const done = () => settle(resolve);
      const timer = setTimeout(
        () => settle(() => reject(new ConnectionEnded('timeout'))),
        this.session.context.config['command-timeout'],
      );
      socket.on('drain', done);
      socket.on('close', done);
    });
  }

  async challenge(text: string): Promise<Buffer | undefined> {
    this.#reply(smtpReply(334, undefined, text));
    await this.#flush();
    this.#reader.authenticating = true;
    try {
      for (let event = this.#reader.next(); ; event = this.#reader.next()) {
        if (event !== undefined) return event.type === 'line' ? event.line : undefined;
        this.#reader.push(await this.#source.read(this.session.context.config['command-timeout']));
      }
    } finally {
      this.#reader.authenticating = false;
    }
  }

  async receiveData(): Promise<readonly SmtpReply[]> {
    const { config } = this.session.context;
    this.#reply(smtpReply(354, undefined, 'End with <CRLF>.<CRLF>'));
    await this.#flush();
    const first = this.#reader.takeRemaining();
    const message = new DataMessage(this.#source, first, config['bare-line-ends'], config['data-timeout']);
    const replies = await this.#transact(message);
    this.#reader.push(message.takeRemaining());
    return replies;
  }

  async receiveChunk(size: number, last: boolean): Promise<readonly SmtpReply[]> {
    const { config } = this.session.context;
    const refusal = this.#chunks === undefined ? transactionRefusal(this.session) : undefined;
    if (refusal !== undefined) {
      await this.#skip(size);
      return refusal.replies;
    }
    const open = this.#chunks ?? this.#openChunks();
    const rest = await open.message.chunk(
      this.#source,
      this.#reader.takeRemaining(),
      size,
      last,
      config['data-timeout'],
    );
    this.#reader.push(rest);
    if (!open.message.complete && !open.settled) return [smtpReply(250, S.ok, `${size} octets received`)];
    this.#chunks = undefined;
    return open.result;
  }

  #openChunks(): OpenChunks {
    const message = new ChunkedMessage();
    const open: OpenChunks = { message, settled: false, result: Promise.resolve([]) };
    open.result = this.#transact(message).finally(() => {
      open.settled = true;
      message.drop();
    });
    // It is awaited with the last chunk; until then a failure waits there.
    open.result.catch(() => {});
    this.#chunks = open;
    return open;
  }

  /** A command that ends the transaction breaks the message off (RFC 3030 section 2). */
  async #abandonChunks(): Promise<void> {
    const open = this.#chunks;
    this.#chunks = undefined;
    open?.message.fail(new ConnectionEnded('closed'));
    await open?.result.catch(() => {});
  }

  async #skip(octets: number): Promise<void> {
    let left = octets;
    let chunk = this.#reader.takeRemaining();
    while (chunk.length < left) {
      left -= chunk.length;
      chunk = await this.#source.read(this.session.context.config['data-timeout']);
    }
    this.#reader.push(chunk.subarray(left));
  }

  /** Receives the message of the transaction in a trace of its own, and ends the transaction. */
  async #transact(message: DataMessage | ChunkedMessage): Promise<SmtpReply[]> {
    const { session } = this;
    const { metrics } = session.context;
    const started = performance.now();
    const verb = session.isLmtp ? 'lmtp DATA' : 'smtp DATA';
    return tracer.startActiveSpan(verb, { kind: SpanKind.SERVER, root: true }, async (span) => {
      try {
        const replies = await receiveMessage(session, message);
        const accepted = replies.some(({ code }) => code < 300);
        const labels = { listener: session.listener.name, result: accepted ? 'accepted' : String(replies[0]?.code) };
        metrics.messages.add(1, labels);
        if (accepted) metrics.octets.add(message.statistics.size, { listener: session.listener.name });
        metrics.duration.record((performance.now() - started) / 1000, labels);
        span.setAttributes({
          'smtp.recipients': session.transaction?.recipients.length ?? 0,
          'smtp.size': message.statistics.size,
        });
        if (!accepted) span.setStatus({ code: SpanStatusCode.ERROR, message: labels.result });
        return replies;
      } finally {
        span.end();
        session.reset();
      }
    });
  }

  async #upgrade(): Promise<void> {
    await this.#flush();
    // What was sent before the handshake, in the clear, is thrown away: anybody may have put it there (RFC 3207 section 6).
    this.#reader = new SmtpLineReader();
    await this.#startTls();
  }

  async #startTls(): Promise<void> {
    const { certificates } = this.session.context;
    this.#source.detach();
    const secure = new TLSSocket(this.#raw, {
      isServer: true,
      secureContext: certificates.secureContext(undefined),
      SNICallback: (name, done) => done(null, certificates.secureContext(name)),
    });
    secure.on('error', () => this.#raw.destroy());
    this.#socket = secure;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new ConnectionEnded('closed')), HANDSHAKE_TIMEOUT_MS);
      const failed = () => {
        clearTimeout(timer);
        reject(new ConnectionEnded('closed'));
      };
      secure.once('close', failed);
      secure.once('error', failed);
      secure.once('secure', () => {
        clearTimeout(timer);
        secure.off('close', failed);
        resolve();
      });
    });
    this.#source = new OctetSource(secure);
    this.session.startTls({
      description: `${secure.getProtocol() ?? 'TLS'} ${secure.getCipher()?.standardName ?? ''}`.trim(),
    });
  }
}
