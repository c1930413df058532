import {
  encodeSaslBase64,
  formatSaslPlain,
  formatSmtpCommand,
  parseEhloReply,
  ENHANCED_STATUS as S,
  type SmtpReply,
} from '@stoa/mail';
import type { OutboundConfig } from '../config.ts';
import { DeliveryFailure, replyStatus, replyText } from '../result.ts';
import type { Destination, Target } from '../route/route.ts';
import { ConnectionLost, ServerConnection } from './connection.ts';

/** A connection on which MAIL may be said. */
export interface SmtpSession {
  readonly connection: ServerConnection;
  /** What the server offers: keyword in upper case to parameters. Empty after HELO. */
  readonly extensions: ReadonlyMap<string, readonly string[]>;
  readonly tls: boolean;
  /** Messages sent on it. */
  messages: number;
}

export interface SessionOptions {
  readonly config: OutboundConfig;
  /** Name in EHLO. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** The handshake failed: where TLS is not needed, the next attempt goes without. */
class TlsFailed extends DeliveryFailure {}

/** Connects, greets, secures and logs in as the destination wants it. Rejects with DeliveryFailure. */
export async function openSession(
  target: Target,
  destination: Destination,
  options: SessionOptions,
): Promise<SmtpSession> {
  try {
    return await open(target, destination, options, true);
  } catch (error) {
    if (!(error instanceof TlsFailed) || destination.tls !== 'opportunistic' || options.signal.aborted) throw error;
    return open(target, destination, options, false);
  }
}

async function open(
  target: Target,
  destination: Destination,
  options: SessionOptions,
  useTls: boolean,
): Promise<SmtpSession> {
  const { config, signal } = options;
  let connection: ServerConnection | undefined;
  try {
    connection = await ServerConnection.connect(target, {
      timeoutMs: config.timeouts.connect,
      sourceAddresses: config['source-addresses'],
      signal,
    });
    return await converse(connection, destination, options, useTls);
  } catch (error) {
    if (error instanceof DeliveryFailure && !(error instanceof TlsFailed)) void connection?.quit(config.timeouts.quit);
    else connection?.destroy();
    if (!(error instanceof ConnectionLost)) throw error;
    const status = connection === undefined ? S.tempNoAnswer : S.tempBadConnection;
    throw new DeliveryFailure(status, error.message, { reply: error.reply, cause: error });
  }
}

async function converse(
  connection: ServerConnection,
  destination: Destination,
  { config, name }: SessionOptions,
  useTls: boolean,
): Promise<SmtpSession> {
  const { timeouts } = config;
  if (destination.implicitTls) await secure(connection, destination, config);
  const greeting = await connection.read(timeouts.greeting);
  if (greeting.code !== 220) throw refusedGreeting(greeting);
  if (destination.fromDns && greeting.lines[0]?.split(' ')[0]?.toLowerCase() === name.toLowerCase()) {
    throw new DeliveryFailure(S.routingLoop, 'the mail comes back to this server: the MX of the domain leads to it');
  }
  let extensions = await hello(connection, name, timeouts.hello);
  if (useTls && destination.tls !== 'none' && !connection.isSecure && extensions.has('STARTTLS')) {
    const reply = await ask(connection, 'STARTTLS\r\n', timeouts.hello);
    if (reply.code === 220) {
      await secure(connection, destination, config);
      // RFC 3207 section 4.2: what was learnt in the clear is forgotten.
      extensions = await hello(connection, name, timeouts.hello);
    } else if (destination.tls !== 'opportunistic') {
      throw new DeliveryFailure(S.tempPolicy, 'the server refuses TLS, which is required', { reply });
    }
  }
  if (!connection.isSecure && (destination.tls === 'require' || destination.tls === 'verify')) {
    throw new DeliveryFailure(S.tempPolicy, 'the server does not offer TLS, which is required');
  }
  if (destination.login !== undefined) await logIn(connection, destination.login, extensions, timeouts.hello);
  return { connection, extensions, tls: connection.isSecure, messages: 0 };
}

/** RFC 7504 section 3: 521 says that there is no mail service here, for good. Any other refusal may pass. */
function refusedGreeting(reply: SmtpReply): DeliveryFailure {
  if (reply.code === 521) return new DeliveryFailure(S.notAccepting, 'the server takes no mail', { reply });
  const status = reply.code >= 400 && reply.code < 500 ? replyStatus(reply) : S.tempNotAccepting;
  return new DeliveryFailure(status, 'the server refused the connection', { reply });
}

async function secure(connection: ServerConnection, destination: Destination, config: OutboundConfig): Promise<void> {
  try {
    await connection.secure({
      timeoutMs: config.timeouts.tls,
      verify: destination.tls === 'verify',
      ca: config['tls-ca'],
    });
  } catch (cause) {
    throw new TlsFailed(S.tempPolicy, (cause as Error).message, { cause });
  }
}

/** EHLO; HELO for a server that does not know it (RFC 5321 section 3.2). */
async function hello(
  connection: ServerConnection,
  name: string,
  timeoutMs: number,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const reply = await ask(connection, `EHLO ${name}\r\n`, timeoutMs);
  if (reply.code === 250) return parseEhloReply(reply).keywords;
  if (reply.code >= 500 && reply.code !== 554 && reply.code !== 521) {
    const second = await ask(connection, `HELO ${name}\r\n`, timeoutMs);
    if (second.code === 250) return new Map();
    throw refusedGreeting(second);
  }
  throw refusedGreeting(reply);
}

/** AUTH PLAIN or LOGIN (RFC 4954). A wrong password is our configuration's fault, so the mail waits. */
async function logIn(
  connection: ServerConnection,
  { username, password }: NonNullable<Destination['login']>,
  extensions: ReadonlyMap<string, readonly string[]>,
  timeoutMs: number,
): Promise<void> {
  if (!connection.isSecure) throw new DeliveryFailure(S.tempPolicy, 'no password is sent without TLS');
  const mechanisms = new Set(extensions.get('AUTH')?.map((mechanism) => mechanism.toUpperCase()));
  let reply: SmtpReply;
  if (mechanisms.has('PLAIN')) {
    const initial = formatSaslPlain({ authzid: '', authcid: username, password: password.reveal() });
    reply = await ask(connection, formatSmtpCommand({ verb: 'AUTH', mechanism: 'PLAIN', initial }), timeoutMs);
  } else if (mechanisms.has('LOGIN')) {
    reply = await ask(connection, 'AUTH LOGIN\r\n', timeoutMs);
    for (const answer of [username, password.reveal()]) {
      if (reply.code !== 334) break;
      reply = await ask(connection, `${encodeSaslBase64(Buffer.from(answer))}\r\n`, timeoutMs);
    }
  } else {
    throw new DeliveryFailure(S.tempAuthFailure, 'the server offers neither AUTH PLAIN nor AUTH LOGIN');
  }
  if (reply.code !== 235) {
    throw new DeliveryFailure(S.tempAuthFailure, `the login was refused: ${replyText(reply)}`, { reply });
  }
}

async function ask(connection: ServerConnection, command: string, timeoutMs: number): Promise<SmtpReply> {
  await connection.write(command, timeoutMs);
  return connection.read(timeoutMs);
}
