import { isAscii } from 'node:buffer';
import { storage } from '@stoa/contracts';
import { formatReturnPath } from '@stoa/mail';
import { type DataMutation, type DataStore, hasCode, MAX_VALUE_BYTES, StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import { BinaryReader, BinaryWriter } from '../account/binary.ts';
import { noticeKey, noticesBefore, parseDueKey } from '../keys-queue.ts';

type Notice = storage.ReportRequest_Notice;

/** Delivers a message once for each idempotency key; result per recipient. */
export type DeliverMessage = (
  envelope: storage.DeliveryEnvelope,
  message: Uint8Array,
  signal: AbortSignal,
) => Promise<readonly { errorCode?: string; retryable?: boolean }[]>;

export interface NoticesOptions {
  store: DataStore;
  deliver: DeliverMessage;
  /** Where mail for an address goes; undefined where that is nowhere. */
  resolve(address: string): Promise<readonly storage.DeliveryRecipient[] | undefined>;
  /** How long a notice is tried, in milliseconds. */
  lifetime: number;
  logger: Logger;
  now(): number;
}

const VERSION = 1;
const RETRY_MS = 60_000;
/** Notices that one call sends. */
const MAX_SENT = 100;
const PARALLEL = 8;
/** What a notice may have in octets, its row's other fields left room for. */
export const MAX_NOTICE_BYTES = MAX_VALUE_BYTES - 4_096;
const MAX_NOTICES = 1_000;
/** Of the null sender (RFC 5321 section 4.4), as other deliveries have theirs. */
const RETURN_PATH = Buffer.from(formatReturnPath(''));
/** All notices of a report go into one commit. */
const MAX_REPORT_BYTES = 8 * 1024 * 1024;

/**
 * Notices to senders. The commit that records a result of the queue writes them, so that none is without the other; then
 * they are delivered under a key of their own, and forgotten. Whoever asks for work sends those that a crash left.
 */
export class Notices {
  readonly #options: NoticesOptions;

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  /** What a commit needs to have notices sent. `source`: unique, such as entry and fence. Rejects what is no notice. */
  mutations(source: string, notices: readonly Notice[]): DataMutation[] {
    const now = this.#options.now();
    const octets = notices.reduce((sum, { message }) => sum + message.length, 0);
    if (notices.length > MAX_NOTICES || octets > MAX_REPORT_BYTES) throw new StoaError('too-large', 'too many notices');
    return notices.map((notice, index) => {
      if (notice.recipient === '' || notice.message.length === 0) {
        throw new StoaError('invalid-argument', 'a notice needs a recipient and a message');
      }
      if (notice.message.length > MAX_NOTICE_BYTES) throw new StoaError('too-large', 'the notice is too large');
      const value = new BinaryWriter()
        .number(VERSION)
        .number(now)
        .raw(storage.ReportRequest_Notice.encode(notice).finish())
        .finish();
      return { type: 'put', key: noticeKey(now, `${source}/${index}`), value };
    });
  }

  /** Sends what is due, the oldest first. Failures are for the next call; only reading the store fails this one. */
  async send(signal: AbortSignal): Promise<void> {
    const { store, now } = this.#options;
    const due: { key: Uint8Array; value: Uint8Array }[] = [];
    for await (const batch of store.scan(noticesBefore(now() + 1), { limit: MAX_SENT })) due.push(...batch);
    const queue = due.values();
    const worker = async () => {
      for (const { key, value } of queue) await this.#sendOne(key, value, signal);
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, due.length) }, worker));
  }

  /** When the next notice is due; 0: there is none. */
  async nextDueAt(): Promise<number> {
    for await (const batch of this.#options.store.scan(noticesBefore(), { limit: 1, keysOnly: true })) {
      const first = batch[0];
      if (first !== undefined) return parseDueKey(first.key).dueAt;
    }
    return 0;
  }

  async #sendOne(key: Uint8Array, value: Uint8Array, signal: AbortSignal): Promise<void> {
    const { store, logger, now, lifetime } = this.#options;
    const { id: name } = parseDueKey(key);
    try {
      const { at, notice } = decodeNotice(value);
      const failure = await this.#deliver(name, notice, signal);
      if (failure === undefined) {
        await store.commit({ conditions: [], mutations: [{ type: 'delete', key }] });
      } else if (failure.retryable && now() - at < lifetime) {
        await this.#postpone(key, value, name);
      } else {
        // A notice about a notice is not sent (RFC 5321 section 4.5.5).
        logger.error({ notice: name, code: failure.code }, 'a notice cannot be delivered and is dropped');
        await store.commit({ conditions: [], mutations: [{ type: 'delete', key }] });
      }
    } catch (error) {
      logger.warn({ err: error, notice: name }, 'a notice was not delivered; it is tried again');
      if (!signal.aborted) await this.#postpone(key, value, name).catch(() => {});
    }
  }

  /** Later, unless another call did something with it meanwhile. */
  async #postpone(key: Uint8Array, value: Uint8Array, name: string): Promise<void> {
    try {
      await this.#options.store.commit({
        conditions: [{ key, equals: value }],
        mutations: [
          { type: 'delete', key },
          { type: 'put', key: noticeKey(this.#options.now() + RETRY_MS, name), value },
        ],
      });
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw error;
    }
  }

  async #deliver(
    name: string,
    { recipient, accountId, message }: Notice,
    signal: AbortSignal,
  ): Promise<{ code: string; retryable: boolean } | undefined> {
    const recipients =
      accountId === ''
        ? await this.#options.resolve(recipient)
        : [storage.DeliveryRecipient.fromPartial({ address: recipient, accountId })];
    if (recipients === undefined || recipients.length === 0) return { code: 'not-found', retryable: false };
    const delivered = Buffer.concat([RETURN_PATH, message]);
    const envelope = storage.DeliveryEnvelope.fromPartial({
      // RFC 3461 section 5.2: a notice has no sender, so that none can come of it.
      sender: '',
      recipients: [...recipients],
      idempotencyKey: `notice/${name}`,
      size: delivered.length,
      eightBitMime: !isAscii(message),
      smtputf8: recipients.some(({ address, finalAddress }) => !isAscii(Buffer.from(finalAddress || address))),
    });
    const results = await this.#options.deliver(envelope, delivered, signal);
    const failed = results.filter(({ errorCode }) => errorCode !== undefined && errorCode !== '');
    // Once it reached one of several it is not sent again for the others, unless they may take it yet.
    const worst =
      failed.find(({ retryable }) => retryable) ?? (failed.length === results.length ? failed[0] : undefined);
    return worst && { code: worst.errorCode ?? 'internal', retryable: worst.retryable ?? false };
  }
}

function decodeNotice(bytes: Uint8Array): { at: number; notice: Notice } {
  const reader = new BinaryReader(bytes, 'notice');
  reader.version(VERSION);
  const at = reader.number();
  const rest = reader.rest();
  try {
    return { at, notice: storage.ReportRequest_Notice.decode(rest) };
  } catch {
    throw reader.fail('not readable');
  }
}
