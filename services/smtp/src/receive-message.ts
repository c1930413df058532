import { trace } from '@opentelemetry/api';
import type { storage } from '@stoa/contracts';
import {
  formatAddress,
  formatReceived,
  formatReturnPath,
  ENHANCED_STATUS as S,
  type SmtpReply,
  smtpReply,
  submissionFields,
  transmissionProtocol,
} from '@stoa/mail';
import { hasCode, StoaError } from '@stoa/plugin-sdk';
import { ConnectionEnded } from '@stoa/service-kit';
import { MAX_HEADER_OCTETS, refuseMessage } from './check-message.ts';
import type { IncomingMessage } from './incoming-message.ts';
import { replyOfCode, replyOfError } from './replies.ts';
import type { Session, Transaction } from './session.ts';

/** A message up to this size is held whole, so that its delivery can be tried again elsewhere. */
const WHOLE_OCTETS = 256 * 1024;
const DELIVERY_ATTEMPTS = 3;
const DELIVERY_TIMEOUT_MS = 5 * 60_000;
/** A large message is delivered while it comes; a client that stops sending is left by `data-timeout` long before. */
const UPLOAD_TIMEOUT_MS = 2 * 3_600_000;
/** A client that goes on sending after so many times the limit is hung up on. */
const PATIENCE = 4;

/** Thrown within the stream of a message, so that nothing of it is stored. */
class Refused extends StoaError {
  readonly reply: SmtpReply;

  constructor(reply: SmtpReply) {
    super('invalid-argument', 'the message was refused');
    this.reply = reply;
  }
}

/**
 * Takes one message to the store-router and says what the client is told: one reply, for LMTP one for each recipient. When
 * it returns all octets of the message were read, so that the session goes on in step. Rejects with ConnectionEnded when
 * the client went away before the end; then nothing is stored.
 */
export async function receiveMessage(session: Session, message: IncomingMessage): Promise<SmtpReply[]> {
  const transaction = session.transaction as Transaction;
  let replies: SmtpReply[];
  try {
    replies = await deliverMessage(session, transaction, message);
  } catch (error) {
    // The store's answer to a stream that broke says less than why it broke.
    if (message.broken instanceof ConnectionEnded) throw message.broken;
    if (error instanceof ConnectionEnded) throw error;
    if (!(error instanceof Refused)) session.context.logger.warn({ error }, 'a message could not be delivered');
    replies = forEach(session, transaction, error instanceof Refused ? error.reply : replyOfError(error));
  }
  await drain(session, message);
  return replies;
}

function forEach(session: Session, { recipients }: Transaction, reply: SmtpReply): SmtpReply[] {
  return session.isLmtp ? recipients.map(() => reply) : [reply];
}

/** Reads what is left of a message that is not wanted. */
async function drain(session: Session, message: IncomingMessage): Promise<void> {
  const limit = session.context.config['max-message-size'] * PATIENCE;
  while (!message.ended) {
    if (message.statistics.size > limit) throw new ConnectionEnded('closed');
    await message.read();
  }
}

async function deliverMessage(
  session: Session,
  transaction: Transaction,
  message: IncomingMessage,
): Promise<SmtpReply[]> {
  const { context } = session;
  const id = context.random(6).toString('hex');
  const collected: Buffer[] = [];
  while (!message.ended && message.statistics.size < WHOLE_OCTETS) collected.push(...(await message.read()));
  if (message.ended) refuse(session, message);
  else if (message.statistics.headerSize > MAX_HEADER_OCTETS || !Buffer.concat(collected).includes('\r\n\r\n')) {
    throw new Refused(smtpReply(552, S.tooBig, 'The header is too big'));
  }
  const head = Buffer.concat([Buffer.from(traceFields(session, transaction, message, id)), ...collected]);
  const envelope = envelopeOf(session, transaction, id);
  const response = message.ended
    ? await deliverWhole(session, envelope, head)
    : await context.mail.deliver(stream(session, envelope, head, message), {
        timeoutMs: UPLOAD_TIMEOUT_MS,
        routeKey: routeKey(envelope),
      });
  return repliesOf(session, transaction, envelope, response, id);
}

function refuse(session: Session, message: IncomingMessage): void {
  const refusal = refuseMessage(session, message.statistics, message.chunked);
  if (refusal !== undefined) throw new Refused(refusal);
}

function routeKey(envelope: storage.DeliveryEnvelope): string | undefined {
  return envelope.recipients.find(({ accountId }) => accountId !== '')?.accountId;
}

/** The same key each time, so that it does no harm when an attempt succeeded and its answer was lost. */
async function deliverWhole(
  session: Session,
  envelope: storage.DeliveryEnvelope,
  body: Buffer,
): Promise<storage.DeliverResponse> {
  const requests = async function* () {
    yield { part: { $case: 'envelope' as const, value: { ...envelope, size: body.length } } };
    yield { part: { $case: 'data' as const, value: body } };
  };
  for (let attempt = 1; ; attempt++) {
    try {
      return await session.context.mail.deliver(requests(), {
        timeoutMs: DELIVERY_TIMEOUT_MS,
        routeKey: routeKey(envelope),
      });
    } catch (error) {
      if (!hasCode(error, 'unavailable') || attempt === DELIVERY_ATTEMPTS) throw error;
    }
  }
}

async function* stream(session: Session, envelope: storage.DeliveryEnvelope, head: Buffer, message: IncomingMessage) {
  const limit = session.context.config['max-message-size'];
  yield { part: { $case: 'envelope' as const, value: envelope } };
  yield { part: { $case: 'data' as const, value: head } };
  while (!message.ended) {
    const pieces = await message.read();
    if (message.statistics.size > limit) throw new Refused(smtpReply(552, S.tooBig, 'The message is too big'));
    for (const value of pieces) yield { part: { $case: 'data' as const, value } };
  }
  refuse(session, message);
}

/** Return-Path and Received (RFC 5321 section 4.4), and what a submission lacks (RFC 6409 section 8). */
function traceFields(session: Session, transaction: Transaction, message: IncomingMessage, id: string): string {
  const { context, greeting, tls, account } = session;
  const { node, now, random } = context;
  const verb = greeting?.verb ?? 'EHLO';
  const [only, ...more] = transaction.recipients;
  const received = formatReceived({
    from: greeting?.name ?? 'unknown',
    address: session.isSubmission ? undefined : session.remoteAddress,
    by: node.hostname,
    protocol: transmissionProtocol({
      greeting: verb,
      tls: tls !== undefined,
      authenticated: account !== undefined,
      utf8: transaction.parameters.smtputf8 === true,
    }),
    tls: tls?.description,
    id,
    recipient: more.length === 0 ? only?.address : undefined,
    epochMs: now(),
  });
  const path = formatReturnPath(transaction.sender === null ? '' : formatAddress(transaction.sender));
  if (!session.isSubmission) return path + received;
  const fields = submissionFields(message.statistics.header, {
    epochMs: now(),
    random: random(12),
    host: node.hostname,
  });
  return path + received + fields;
}

function envelopeOf(session: Session, transaction: Transaction, id: string): storage.DeliveryEnvelope {
  const { context, account } = session;
  const { sender, parameters, recipients } = transaction;
  return {
    sender: sender === null ? '' : formatAddress(sender),
    recipients: recipients.flatMap(({ targets }) => [...targets]),
    idempotencyKey: `${context.node.id}/${context.node.incarnation}/${id}`,
    size: 0,
    envelopeId: parameters.envid ?? '',
    returnFull: parameters.ret === 'FULL',
    smtputf8: parameters.smtputf8 === true,
    eightBitMime: parameters.body === '8BITMIME',
    submitterAccountId: account?.id ?? '',
    queueFailed: !session.isLmtp,
  };
}

type Result = storage.DeliverResponse_Result;

function repliesOf(
  session: Session,
  transaction: Transaction,
  envelope: storage.DeliveryEnvelope,
  response: storage.DeliverResponse,
  id: string,
): SmtpReply[] {
  const queueId = response.queueId === '' ? id : response.queueId;
  const accepted = smtpReply(250, S.ok, `Ok: queued as ${queueId}`);
  const failed = response.results.flatMap(({ errorCode }, i) => (errorCode === '' ? [] : [i]));
  trace.getActiveSpan()?.setAttributes({ 'smtp.id': id, 'smtp.queue_id': response.queueId });
  session.context.logger.info(
    {
      id,
      queueId: response.queueId,
      listener: session.listener.name,
      recipients: envelope.recipients.length,
      failed: failed.length,
    },
    'a message was received',
  );
  if (session.isLmtp) return lmtpReplies(transaction, response.results, accepted);
  if (failed.length === 0) return [accepted];
  // The router queued what failed for some. Where all failed, or even the queue did, the client tries again.
  return [worst(response.results)];
}

/** RFC 2033 section 4.2: a reply for each recipient that RCPT accepted, in order. */
function lmtpReplies({ recipients }: Transaction, results: readonly Result[], accepted: SmtpReply): SmtpReply[] {
  let at = 0;
  return recipients.map(({ targets }) => {
    const own = results.slice(at, at + targets.length);
    at += targets.length;
    return own.every(({ errorCode }) => errorCode === '') ? accepted : worst(own);
  });
}

/** A temporary failure before a permanent one: the client tries again, and nothing is lost. */
function worst(results: readonly Result[]): SmtpReply {
  const failures = results.filter(({ errorCode }) => errorCode !== '');
  return replyOfCode((failures.find(({ retryable }) => retryable) ?? failures[0])?.errorCode ?? 'unavailable');
}
