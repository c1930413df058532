import type { storage } from '@stoa/contracts';
import { hasCode, StoaError, toStoaError } from '@stoa/plugin-sdk';
import { INBOX } from '../account/names.ts';
import type { StoredBody } from '../body/bodies.ts';
import { receiveBody } from '../body/intake.ts';
import { lookupName, type MailContext, publishMailbox } from './context.ts';
import { type Landed, landMessage } from './land-message.ts';
import { splitHead } from './stream-head.ts';

type Result = storage.DeliverResponse_Result;

const MAX_RECIPIENTS = 10_000;
const MAX_QUEUE_ATTEMPTS = 10;
const NOTHING: Result = { errorCode: '', retryable: false, queued: false, mailboxId: 0, uid: 0 };

/**
 * Receives one message for several recipients. The body is stored once; then each account has its own commit, all at the
 * same time, and the outbound queue one for all recipients outside. Where there is one commit in all, a small body may be
 * stored by it. Each recipient has a result of its own, and with an
 * idempotency key the whole call may be repeated.
 */
export async function deliver(
  context: MailContext,
  requests: AsyncIterable<storage.DeliverRequest>,
  signal: AbortSignal,
): Promise<storage.DeliverResponse> {
  const { head: envelope, data, end } = await splitHead(requests, 'envelope');
  try {
    if (envelope.recipients.length === 0) throw new StoaError('invalid-argument', 'no recipients');
    if (envelope.recipients.length > MAX_RECIPIENTS) throw new StoaError('limit-exceeded', 'too many recipients');
    const body = await receiveBody(data, context.intake, envelope.size === 0 ? undefined : envelope.size);
    try {
      const remote = envelope.recipients.filter(({ accountId }) => accountId === '');
      const stored = await context.bodies.store(body, { oneCommit: commits(envelope.recipients) === 1, signal });
      const [locals, queued] = await Promise.all([
        deliverLocally(context, envelope, stored, signal),
        remote.length === 0 ? undefined : enqueue(context, envelope, remote, stored),
      ]);
      const outside = queued === undefined ? NOTHING : 'queueId' in queued ? { ...NOTHING, queued: true } : queued;
      const results = envelope.recipients.map((recipient) => locals.get(target(recipient)) ?? outside);
      return {
        results: envelope.queueFailed ? await queueFailed(context, envelope, results, stored) : results,
        queueId: queued !== undefined && 'queueId' in queued ? queued.queueId : '',
      };
    } finally {
      await body.close();
    }
  } finally {
    await end();
  }
}

/** Commits that link the body: one for each copy here, and one for all recipients outside. */
function commits(recipients: readonly storage.DeliveryRecipient[]): number {
  return new Set(recipients.map((recipient) => (recipient.accountId === '' ? '' : target(recipient)))).size;
}

/** Two recipients that lead to the same mailbox get one copy. */
function target({ accountId, mailbox }: storage.DeliveryRecipient): string {
  return `${accountId}/${targetName(mailbox)}`;
}

function targetName(mailbox: string): string {
  return mailbox === '' ? INBOX : lookupName(mailbox);
}

async function deliverLocally(
  context: MailContext,
  envelope: storage.DeliveryEnvelope,
  stored: StoredBody,
  signal: AbortSignal,
): Promise<Map<string, Result>> {
  const targets = new Map<string, storage.DeliveryRecipient>();
  for (const recipient of envelope.recipients) {
    if (recipient.accountId !== '') targets.set(target(recipient), recipient);
  }
  const internalDate = context.now();
  const results = await Promise.all(
    Array.from(targets, async ([key, { accountId, mailbox }]): Promise<[string, Result]> => {
      const name = targetName(mailbox);
      try {
        const landed: Landed = await landMessage(
          context,
          {
            accountId,
            mailbox: (transaction) => transaction.list.named(name) ?? transaction.mailboxNamed(INBOX),
            flags: 0,
            keywords: [],
            internalDate,
            idempotencyKey: envelope.idempotencyKey === '' ? '' : `${envelope.idempotencyKey}\0${name}`,
            stored,
          },
          signal,
        );
        publishMailbox(context, accountId, landed.mailboxId, landed.modseq);
        return [key, { ...NOTHING, mailboxId: landed.mailboxId, uid: landed.uid }];
      } catch (error) {
        return [key, failed(context, error)];
      }
    }),
  );
  return new Map(results);
}

async function enqueue(
  context: MailContext,
  { recipients: _, ...envelope }: storage.DeliveryEnvelope,
  recipients: readonly storage.DeliveryRecipient[],
  stored: StoredBody,
): Promise<Result | { queueId: string }> {
  const { store } = context.accounts;
  const { id: blobId, size } = stored.body;
  const message = { envelope, recipients, blobId, size };
  try {
    return await stored.linking(async () => {
      for (let attempt = 0; ; attempt++) {
        const protection = await stored.protection(attempt);
        const parts = context.queue.enqueue(message);
        try {
          await store.commit({
            conditions: [...protection.conditions, ...parts.conditions],
            mutations: [...protection.mutations, ...parts.mutations],
          });
          context.queue.announce(parts);
          return { queueId: parts.queueId };
        } catch (error) {
          // With a key it is known whether it was queued, by an earlier call or by this one; without one an error is told.
          const earlier =
            envelope.idempotencyKey === '' ? undefined : await context.queue.queued(envelope.idempotencyKey);
          if (earlier !== undefined) return { queueId: earlier };
          if (!hasCode(error, 'conflict') || attempt === MAX_QUEUE_ATTEMPTS) throw error;
        }
      }
    });
  } catch (error) {
    return failed(context, error);
  }
}

/** Where some recipients have the message and others could not take it, the queue takes care of the others. */
async function queueFailed(
  context: MailContext,
  envelope: storage.DeliveryEnvelope,
  results: Result[],
  stored: StoredBody,
): Promise<Result[]> {
  const rest = envelope.recipients.filter((_, i) => results[i]?.errorCode !== '');
  if (rest.length === 0 || rest.length === results.length) return results;
  const key = envelope.idempotencyKey === '' ? '' : `${envelope.idempotencyKey}\0rest`;
  const recipients = rest.map((recipient) => ({ ...recipient, accountId: '' }));
  const queued = await enqueue(context, { ...envelope, idempotencyKey: key }, recipients, stored);
  if (!('queueId' in queued)) return results;
  return results.map((result) => (result.errorCode === '' ? result : { ...NOTHING, queued: true }));
}

function failed(context: MailContext, error: unknown): Result {
  const { code, retryable } = toStoaError(error);
  if (code === 'internal' || code === 'data-loss') context.logger.error({ err: error }, 'a delivery failed');
  return { ...NOTHING, errorCode: code, retryable };
}
