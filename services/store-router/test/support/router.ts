import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { coordinator, storage } from '@stoa/contracts';
import { applyDelta, IndexChunk, MailboxSnapshot } from '@stoa/mail';
import { type BlobStore, type DataStore, isStoaError, type SearchStore, StoaError } from '@stoa/plugin-sdk';
import { Accounts, newAccountId } from '../../src/account/index.ts';
import { Bodies } from '../../src/body/bodies.ts';
import type { StructureBuilder } from '../../src/body/intake.ts';
import type { MailContext } from '../../src/mail/context.ts';
import { mailService } from '../../src/mail/service.ts';
import type { OutboundQueue } from '../../src/queue/enqueue.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

export const call = () => ({ signal: new AbortController().signal, deadline: Number.POSITIVE_INFINITY });

/** A structure that is only the length of what was written. */
export function lengthStructure(): StructureBuilder {
  let length = 0;
  return {
    write(chunk) {
      length += chunk.length;
    },
    finish: () => Buffer.from(String(length)),
  };
}

export interface RouterOptions {
  data: DataStore;
  blobs: BlobStore;
  search?: SearchStore;
  queue?: OutboundQueue;
  now?: () => number;
  delay?: (ms: number) => Promise<void>;
  random?: () => number;
  cacheBytes?: number;
  memoryBytes?: number;
  maxBytes?: number;
  newStructure?: () => StructureBuilder;
}

const noQueue: OutboundQueue = {
  enqueue() {
    throw new StoaError('unavailable', 'no queue in this test');
  },
  queued: async () => undefined,
  announce() {},
};

export type TestRouter = ReturnType<typeof testRouter>;

/** One router on given stores, its calls made directly. */
export function testRouter(options: RouterOptions) {
  const now = options.now ?? Date.now;
  const events: NonNullable<coordinator.Event['kind']>[] = [];
  const accounts = new Accounts(options.data, {
    cacheBytes: options.cacheBytes ?? 64 << 20,
    now,
    ...(options.delay && { delay: options.delay }),
    ...(options.random && { random: options.random }),
  });
  const bodies = new Bodies(options.blobs, options.data, { now, ...(options.delay && { delay: options.delay }) });
  const context: MailContext = {
    accounts,
    bodies,
    search: options.search ?? (undefined as never),
    queue: options.queue ?? noQueue,
    intake: {
      maxBytes: options.maxBytes ?? 50 << 20,
      memoryBytes: options.memoryBytes ?? 1 << 20,
      // Made when it is first needed.
      spoolDirectory: join(tmpdir(), `stoa-spool-${process.pid}`),
      newStructure: options.newStructure ?? lengthStructure,
    },
    publish: (event) => void events.push(event),
    logger: silent,
    now,
  };
  const mail = mailService(context);
  return { accounts, bodies, context, mail, events };
}

export async function newAccount(
  router: TestRouter,
  quotaBytes = 0,
  accountId = newAccountId(Date.now()),
): Promise<string> {
  await router.accounts.store.commit(router.accounts.creation(accountId, { quotaBytes }));
  return accountId;
}

export async function* parts<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

const ENVELOPE = {
  sender: 'a@example.test',
  idempotencyKey: '',
  size: 0,
  envelopeId: '',
  returnFull: false,
  smtputf8: false,
  eightBitMime: false,
  submitterAccountId: '',
  queueFailed: false,
};
const RECIPIENT = { address: '', accountId: '', mailbox: '', originalRecipient: '', notify: 0, finalAddress: '' };

export function deliveryOf(
  recipients: readonly Partial<storage.DeliveryRecipient>[],
  body: string | Uint8Array,
  envelope: Partial<storage.DeliveryEnvelope> = {},
): AsyncGenerator<storage.DeliverRequest> {
  const head = { ...ENVELOPE, ...envelope, recipients: recipients.map((some) => ({ ...RECIPIENT, ...some })) };
  return parts<storage.DeliverRequest>(
    { part: { $case: 'envelope', value: head } },
    { part: { $case: 'data', value: Buffer.from(body) } },
  );
}

/** Delivers to one account; throws the recipient's error. */
export async function deliverTo(
  router: TestRouter,
  accountId: string,
  body: string | Uint8Array,
  options: { mailbox?: string; key?: string } = {},
): Promise<storage.DeliverResponse_Result> {
  const envelope = { idempotencyKey: options.key ?? '' };
  const requests = deliveryOf([{ accountId, mailbox: options.mailbox ?? '' }], body, envelope);
  const { results } = (await router.mail.deliver(requests, call())) as storage.DeliverResponse;
  const result = results[0]!;
  if (result.errorCode !== '')
    throw new StoaError(result.errorCode as 'internal', 'delivery', { retryable: result.retryable });
  return result;
}

export async function append(
  router: TestRouter,
  accountId: string,
  mailbox: string,
  body: string,
  head: Partial<storage.AppendMessageRequest_Head> = {},
): Promise<storage.AppendMessageResponse> {
  const data = Buffer.from(body);
  const value = {
    accountId,
    mailbox,
    flags: 0,
    keywords: [],
    internalDate: 0,
    size: data.length,
    idempotencyKey: '',
    ...head,
  };
  return (await router.mail.appendMessage(
    parts<storage.AppendMessageRequest>({ part: { $case: 'head', value } }, { part: { $case: 'data', value: data } }),
    call(),
  )) as storage.AppendMessageResponse;
}

export interface Opened {
  state: storage.MailboxState;
  snapshot: MailboxSnapshot;
}

export async function open(
  router: TestRouter,
  accountId: string,
  which: string | number,
  claimRecent = false,
): Promise<Opened> {
  const mailbox =
    typeof which === 'string'
      ? { $case: 'name' as const, value: which }
      : { $case: 'mailboxId' as const, value: which };
  let state: storage.MailboxState | undefined;
  const packed: Uint8Array[] = [];
  for await (const { part } of router.mail.openMailbox({ accountId, mailbox, claimRecent, stateOnly: false }, call())) {
    if (part?.$case === 'state') state = part.value as storage.MailboxState;
    else if (part?.$case === 'chunks') packed.push(...(part.value.packed ?? []));
  }
  return { state: state!, snapshot: MailboxSnapshot.decode(packed) };
}

export type AnyDelta = {
  state?: unknown;
  chunks?: readonly Uint8Array[];
  vanished?: { bounds?: readonly number[] };
  reopen?: boolean;
  partial?: boolean;
};

/** Applies a delta to an opened mailbox. */
export function follow(opened: Opened, delta: AnyDelta): Opened {
  return {
    state: (delta.state as storage.MailboxState | undefined) ?? opened.state,
    snapshot: applyDelta(
      opened.snapshot,
      (delta.chunks ?? []).map((chunk) => IndexChunk.decode(chunk)),
      delta.vanished?.bounds ?? [],
    ),
  };
}

/** Brings an opened mailbox up to date; throws when it must be opened anew. */
export async function sync(router: TestRouter, accountId: string, opened: Opened): Promise<Opened> {
  const { mailboxId, highestModseq } = opened.state;
  let now = opened;
  const request = { accountId, mailboxId, sinceModseq: highestModseq, claimRecent: false };
  for await (const { delta } of router.mail.syncMailbox(request, call())) {
    if (delta?.reopen) throw new StoaError('out-of-range', 'reopen');
    now = follow(now, delta as AnyDelta);
  }
  return now;
}

export function sha256(body: string | Uint8Array): Buffer {
  return createHash('sha256').update(body).digest();
}

export function errorCode(error: unknown): string {
  return isStoaError(error) ? error.code : String(error);
}
