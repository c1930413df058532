import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  type AppendCommand,
  IMAP_LIMITS,
  IMAP_UNAUTHENTICATED_LIMITS,
  type ImapCommand,
  ImapCommandReader,
  type ImapReaderEvent,
  type ImapSyntaxError,
} from '@stoa/mail';
import { toStoaError } from '@stoa/plugin-sdk';
import { ConnectionEnded, OctetSource } from '@stoa/service-kit';
import { capabilities } from './capability.ts';
import { COMMANDS, type Exchange, type Handler, type MessageSource } from './commands/index.ts';
import type { ListenerConfig } from './config.ts';
import type { ImapContext } from './context.ts';
import { bad, completionOfError, completionOfSyntax } from './errors.ts';
import { ResponseStream } from './response-stream.ts';
import { Session } from './session.ts';
import type { Completion } from './session-types.ts';

const HANDSHAKE_TIMEOUT_MS = 30_000;
/** How long a client may take to close its side. */
const GOODBYE_MS = 1_000;
/** How long a session that is to end may take for the command that is under way. */
const END_MS = 1_500;
const MAX_DONE_OCTETS = 64;

const tracer = trace.getTracer('@stoa/service-imap');

type AnyCommand = ImapCommand;
type Ending = 'none' | 'logout' | 'start-tls';

/** One client: reads commands in order and answers them in order; between them, and while it idles, tells what changed. */
export class ImapConnection implements Exchange {
  readonly session: Session;
  readonly #context: ImapContext;
  readonly #raw: Socket;
  #socket: Socket | TLSSocket;
  #source: OctetSource;
  #reader = new ImapCommandReader(IMAP_UNAUTHENTICATED_LIMITS);
  readonly #writer: ResponseStream;
  #ending: Ending = 'none';
  #errors = 0;
  #idling = false;
  /** A notice is being written; another change waits for its end. */
  #telling: Promise<void> | undefined;
  #changed = false;
  #busy = false;
  /** Why the session ends as soon as no command is under way. */
  #farewell: string | undefined;

  constructor(context: ImapContext, listener: ListenerConfig, socket: Socket, remoteAddress: string) {
    this.#context = context;
    this.#raw = socket;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    this.#source = new OctetSource(socket);
    this.#writer = new ResponseStream(socket);
    this.session = new Session(context, listener, remoteAddress, this.#writer, {
      mailboxChanged: () => this.#onChange(),
      mailboxClosed: () => this.bye('The selected mailbox is gone'),
    });
  }

  /** Speaks with the client until one of them ends it. Never rejects. */
  async run(): Promise<void> {
    try {
      if (this.session.listener.tls === 'implicit') await this.#startTls();
      this.#writer.write(`* OK [CAPABILITY ${capabilities(this.session)}] Stoa ready\r\n`);
      await this.#converse();
    } catch (error) {
      if (error instanceof ConnectionEnded) {
        if (error.timedOut) this.#writer.write('* BYE Autologout; idle for too long\r\n');
      } else {
        this.#context.logger.error(
          { error: toStoaError(error), listener: this.session.listener.name },
          'a connection broke',
        );
        this.#writer.write('* BYE [SERVERBUG] Internal error\r\n');
      }
    } finally {
      this.#idling = false;
      await this.#writer.drain().catch(() => {});
      this.session.end();
      this.#socket.end();
      setTimeout(() => this.#raw.destroy(), GOODBYE_MS).unref();
    }
  }

  /** Ends the session: at once where the client waits for nothing, else after the command that is under way. */
  bye(reason: string): void {
    if (this.#farewell !== undefined) return;
    this.#farewell = reason;
    if (this.#busy) return;
    this.#writer.write(`* BYE ${reason}\r\n`);
    void this.#writer
      .drain()
      .catch(() => {})
      .then(() => {
        this.#socket.end();
        setTimeout(() => this.#raw.destroy(), GOODBYE_MS).unref();
      });
  }

  /** Ends the session of somebody who may not go on, after the command that is under way or without it. */
  endSession(): void {
    this.bye('Your session was ended');
    setTimeout(() => this.#raw.destroy(), END_MS).unref();
  }

  destroy(): void {
    this.#raw.destroy();
  }

  async #converse(): Promise<void> {
    for (;;) {
      const event = await this.#nextEvent();
      this.#busy = true;
      try {
        await this.#handle(event);
        // Commands that came together are answered together.
        if (!this.#reader.hasPending || this.#writer.full) await this.#writer.drain();
      } finally {
        this.#busy = false;
      }
      if (this.#farewell !== undefined) {
        this.#writer.write(`* BYE ${this.#farewell}\r\n`);
        return;
      }
      if (this.#ending === 'logout') return;
      if (this.#ending === 'start-tls') await this.#upgrade();
      if (this.#errors >= this.#context.config['max-errors']) {
        this.#writer.write('* BYE Too many errors\r\n');
        return;
      }
    }
  }

  async #nextEvent(): Promise<ImapReaderEvent> {
    for (let event = this.#reader.next(); ; event = this.#reader.next()) {
      if (event !== undefined) return event;
      await this.#writer.drain();
      this.#reader.push(await this.#source.read(this.#patience));
    }
  }

  get #patience(): number {
    const { config } = this.#context;
    return this.session.account === undefined ? config['login-timeout'] : config['idle-timeout'];
  }

  async #handle(event: ImapReaderEvent): Promise<void> {
    switch (event.type) {
      case 'command':
      case 'append':
        await this.#command(event.command);
        return;
      case 'continue':
        this.#writer.write('+ OK\r\n');
        return;
      case 'error':
        this.#syntaxError(event.error, event.fatal);
        return;
      default:
        // Bodies and lines are taken by the command that asked for them.
        throw new Error(`a ${event.type} that nobody asked for`);
    }
  }

  #syntaxError(error: ImapSyntaxError, fatal: boolean): void {
    this.#errors += 1;
    this.#complete(error.tag ?? '*', completionOfSyntax(error));
    if (fatal) throw new ConnectionEnded('closed');
  }

  async #command(command: AnyCommand): Promise<void> {
    const { session } = this;
    const started = performance.now();
    await tracer.startActiveSpan(`imap ${command.name}`, { kind: SpanKind.SERVER }, async (span) => {
      const completion = await this.#run(command).catch((error: unknown) => {
        if (error instanceof ConnectionEnded) throw error;
        const failed = completionOfError(error);
        const known = toStoaError(error);
        if (failed.code === 'SERVERBUG')
          session.logger.error({ error: known, command: command.name }, 'a command failed');
        return failed;
      });
      if (completion.condition === 'BAD') this.#errors += 1;
      if (completion.condition !== 'OK')
        span.setStatus({ code: SpanStatusCode.ERROR, message: completion.code ?? completion.condition });
      await this.#tell(command);
      this.#complete(command.tag, completion);
      this.#context.metrics.commands.record((performance.now() - started) / 1000, {
        command: command.name,
        result: completion.condition,
      });
      span.end();
    });
  }

  async #run(command: AnyCommand): Promise<Completion> {
    const { session } = this;
    const handler = COMMANDS[command.name] as Handler<AnyCommand['name']>;
    const refusal = this.#refuse(handler);
    if (refusal !== undefined) {
      if (command.name === 'APPEND') this.#reader.rejectAppend();
      return refusal;
    }
    return handler.run(session, command as never, this);
  }

  #refuse(handler: Pick<Handler<'NOOP'>, 'when'>): Completion | undefined {
    const { account, selected } = this.session;
    if (handler.when === 'not-authenticated' && account !== undefined) return bad('Logged in already');
    if ((handler.when === 'authenticated' || handler.when === 'selected') && account === undefined)
      return bad('Log in first');
    if (handler.when === 'selected' && selected === undefined) return bad('Select a mailbox first');
    return undefined;
  }

  /** What changed meanwhile, before the tagged response; expunges only where the command allows them. */
  async #tell(command: AnyCommand): Promise<void> {
    const { selected } = this.session;
    if (selected === undefined) return;
    this.#changed = false;
    const handler = COMMANDS[command.name] as Handler<AnyCommand['name']>;
    const holds = handler.holdsExpunges?.(command as never) ?? false;
    await selected.tell(!holds, 'uid' in command && command.uid);
  }

  #complete(tag: string, { condition, text, code }: Completion): void {
    const inner = code === undefined ? '' : `[${code}] `;
    this.#writer.write(`${tag} ${condition} ${inner}${text.replaceAll(/[^\x20-\x7e]/g, '?')}\r\n`);
  }

  /** Called in the trace of the change: the notice to an idling client is its last span. */
  #onChange(): void {
    if (!this.#idling) return;
    this.#changed = true;
    this.#telling ??= this.#tellIdling().finally(() => {
      this.#telling = undefined;
    });
  }

  async #tellIdling(): Promise<void> {
    // Changes of one moment are told together.
    await Promise.resolve();
    while (this.#idling && this.#changed) {
      this.#changed = false;
      await tracer.startActiveSpan('imap notify', { kind: SpanKind.SERVER }, async (span) => {
        try {
          await this.session.selected?.tell(true, false);
          await this.#writer.drain();
          this.#context.metrics.notices.add(1);
        } catch (error) {
          if (!(error instanceof ConnectionEnded))
            this.session.logger.warn({ error: toStoaError(error) }, 'a notice failed');
        } finally {
          span.end();
        }
      });
    }
  }

  async idle(): Promise<boolean> {
    this.#writer.write('+ idling\r\n');
    const { selected } = this.session;
    await selected?.tell(true, false);
    await this.#writer.drain();
    this.#idling = true;
    this.#busy = false;
    this.#reader.expectLine(MAX_DONE_OCTETS);
    try {
      // What changed while the line above was on its way.
      if (selected !== undefined && selected.shown !== selected.feed.snapshot) this.#onChange();
      const event = await this.#nextEvent();
      return event.type === 'line' && event.line.toString('latin1').toUpperCase() === 'DONE';
    } finally {
      this.#idling = false;
      this.#busy = true;
      await this.#telling;
    }
  }

  async ask(text: string, maxOctets: number): Promise<Buffer | undefined> {
    this.#writer.write(`+ ${text}\r\n`);
    this.#reader.expectLine(maxOctets);
    const event = await this.#nextEvent();
    return event.type === 'line' ? event.line : undefined;
  }

  message(command: AppendCommand): MessageSource {
    if (command.synchronizing) this.#writer.write('+ OK\r\n');
    this.#reader.acceptAppend();
    let ended = false;
    return {
      read: async () => {
        while (!ended) {
          const event = await this.#nextEvent();
          if (event.type === 'body') return event.octets;
          ended = true;
          if (event.type === 'append-end' && event.error !== undefined) throw event.error;
          if (event.type === 'error') {
            if (event.fatal) throw new ConnectionEnded('closed');
            throw event.error;
          }
        }
        return undefined;
      },
    };
  }

  rejectMessage(): void {
    this.#reader.rejectAppend();
  }

  startTls(): void {
    this.#ending = 'start-tls';
  }

  logOut(): void {
    this.#ending = 'logout';
  }

  readUtf8(): void {
    this.#reader.utf8 = true;
  }

  authenticated(): void {
    this.#reader.setLimits(IMAP_LIMITS);
  }

  async #upgrade(): Promise<void> {
    this.#ending = 'none';
    await this.#writer.drain();
    // What was sent before the handshake, in the clear, is thrown away: anybody may have put it there.
    this.#reader = new ImapCommandReader(IMAP_UNAUTHENTICATED_LIMITS);
    await this.#startTls();
  }

  async #startTls(): Promise<void> {
    const { certificates } = this.#context;
    this.#source.detach();
    const secure = new TLSSocket(this.#raw, {
      isServer: true,
      secureContext: certificates.secureContext(undefined),
      SNICallback: (name, done) => done(null, certificates.secureContext(name)),
    });
    secure.on('error', () => this.#raw.destroy());
    this.#socket = secure;
    await new Promise<void>((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer);
        secure.off('close', failed);
        end();
      };
      const failed = () => settle(() => reject(new ConnectionEnded('closed')));
      const timer = setTimeout(failed, HANDSHAKE_TIMEOUT_MS);
      secure.once('close', failed);
      secure.once('secure', () => settle(resolve));
    });
    this.#writer.use(secure);
    this.#source = new OctetSource(secure);
    this.session.tls = true;
  }
}
