import { type Client, storage } from '@stoa/contracts';
import { ENHANCED_STATUS as S } from '@stoa/mail';
import { toStoaError } from '@stoa/plugin-sdk';
import { replyOfCode } from '../replies.ts';
import type { MessageBody } from './message-body.ts';
import { type RecipientResult, replyStatus, replyText } from './result.ts';

const { ResolveRecipientResponse_Kind: Kind } = storage;

const PARALLEL = 10;

export interface LocalDeps {
  readonly directory: Client<typeof storage.DirectoryServiceDefinition>;
  readonly mail: Client<typeof storage.MailServiceDefinition>;
  readonly timeoutMs: number;
}

/**
 * Delivers to the recipients that are ours: what could not be taken when it came, and addresses that became ours since. The
 * recipients are of one domain. undefined: the domain is not ours, so that the message goes to other servers.
 */
export async function deliverLocal(
  entry: storage.QueueEntry,
  recipients: readonly storage.QueueRecipient[],
  body: MessageBody,
  deps: LocalDeps,
  signal: AbortSignal,
): Promise<RecipientResult[] | undefined> {
  const [first] = recipients;
  if (first === undefined) return undefined;
  const known = await resolve(first.address, deps, signal);
  if ('kind' in known && known.kind === Kind.KIND_REMOTE) return undefined;
  const results: RecipientResult[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < recipients.length; index = next++) {
      const recipient = recipients[index] as storage.QueueRecipient;
      const resolved = index === 0 ? known : await resolve(recipient.address, deps, signal);
      results[index] = 'kind' in resolved ? await deliverTo(entry, recipient, resolved, body, deps, signal) : resolved;
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, recipients.length) }, worker));
  return results;
}

async function resolve(
  address: string,
  { directory }: LocalDeps,
  signal: AbortSignal,
): Promise<storage.ResolveRecipientResponse | RecipientResult> {
  try {
    return await directory.resolveRecipient({ address }, { signal });
  } catch (error) {
    return ofCode(toStoaError(error).code);
  }
}

async function deliverTo(
  entry: storage.QueueEntry,
  recipient: storage.QueueRecipient,
  { kind, targets }: storage.ResolveRecipientResponse,
  body: MessageBody,
  { mail, timeoutMs }: LocalDeps,
  signal: AbortSignal,
): Promise<RecipientResult> {
  if (kind === Kind.KIND_UNKNOWN) return ofCode('not-found');
  if (kind !== Kind.KIND_LOCAL || targets.length === 0) return ofCode('unavailable');
  const able = targets.filter(({ disabled }) => !disabled);
  if (able.length === 0)
    return { state: 'failed', status: S.mailboxDisabled, diagnostic: 'The mailbox is disabled', remoteMta: '' };
  const envelope = {
    sender: entry.sender,
    recipients: able.map(({ accountId, mailbox, address }) => ({
      address: recipient.address,
      accountId,
      mailbox,
      originalRecipient: recipient.originalRecipient,
      notify: recipient.notify,
      finalAddress: address === recipient.address ? '' : address,
    })),
    // The same at each attempt: what some of several targets have already, they do not get again.
    idempotencyKey: `queue/${entry.id}/${recipient.address}`,
    size: entry.size,
    envelopeId: entry.envelopeId,
    returnFull: entry.returnFull,
    smtputf8: entry.smtputf8,
    eightBitMime: entry.eightBitMime,
    submitterAccountId: '',
    queueFailed: false,
  };
  async function* requests() {
    yield { part: { $case: 'envelope' as const, value: envelope } };
    for await (const value of body.stored()) yield { part: { $case: 'data' as const, value } };
  }
  try {
    const routeKey = able.find(({ accountId }) => accountId !== '')?.accountId;
    const { results } = await mail.deliver(requests(), { timeoutMs, signal, routeKey });
    const failures = results.filter(({ errorCode }) => errorCode !== '');
    const worst = failures.find(({ retryable }) => retryable) ?? failures[0];
    if (worst === undefined) return { state: 'delivered', status: S.ok, diagnostic: 'Delivered', remoteMta: '' };
    return ofCode(worst.errorCode);
  } catch (error) {
    return ofCode(toStoaError(error).code);
  }
}

/** As the receiving side would say it. */
function ofCode(code: string): RecipientResult {
  const reply = replyOfCode(code);
  const state = reply.code >= 500 && code !== 'unauthenticated' ? 'failed' : 'pending';
  return { state, status: replyStatus(reply), diagnostic: replyText(reply), remoteMta: '' };
}
