import { storage } from '@stoa/contracts';
import { ENHANCED_STATUS as S } from '@stoa/mail';
import { NOTIFY } from './envelope.ts';
import type { RecipientResult } from './result.ts';
import { nextAttempt } from './retry-schedule.ts';

const { QueueRecipient_Status: Status } = storage;

const STATUS = {
  delivered: Status.STATUS_DELIVERED,
  relayed: Status.STATUS_RELAYED,
  failed: Status.STATUS_FAILED,
  pending: Status.STATUS_PENDING,
} as const;

export interface SettleOptions {
  readonly schedule: readonly number[];
  /** After how many milliseconds a sender is told of a delay. */
  readonly delayNotice: number;
  readonly now: number;
  /** Between 0 and 1. */
  readonly random: number;
  /** The attempt was cut off by us: it is tried again at once. */
  readonly released: boolean;
}

export interface Told {
  readonly recipient: storage.QueueRecipient;
  readonly action: 'failed' | 'delayed' | 'delivered' | 'relayed';
}

/** An attempt's end, as the queue learns it. */
export interface Settlement {
  readonly recipients: readonly storage.QueueRecipient[];
  readonly nextAttemptAt: number;
  readonly lastError: string;
  readonly delayNotified: boolean;
  /** Of whom the sender is to be told, and what, as RFC 3461 section 5.2 has it. */
  readonly told: readonly Told[];
}

/**
 * Joins an entry and the results of those recipients that were pending, in their order. What is still pending at the end of
 * the entry's time has failed.
 */
export function settle(
  entry: storage.QueueEntry,
  results: readonly RecipientResult[],
  options: SettleOptions,
): Settlement {
  const { now, schedule, random, released } = options;
  const isExpired = now >= entry.expiresAt && !released;
  const left = results.values();
  const told: Told[] = [];
  const none = entry.recipients.every(({ status }) => status !== Status.STATUS_PENDING);
  const recipients = entry.recipients.map((before) => {
    if (before.status !== Status.STATUS_PENDING) {
      // Nobody who reports leaves an entry without pending ones: these failed by the operator's will, and nobody was told.
      if (none && before.status === Status.STATUS_FAILED && wants(before, NOTIFY.failure, true)) {
        told.push({ recipient: before, action: 'failed' });
      }
      return before;
    }
    const after = applied(before, left.next().value as RecipientResult, isExpired, released);
    const action = actionOf(after);
    if (action !== undefined) told.push({ recipient: after, action });
    return after;
  });
  const pending = recipients.filter(({ status }) => status === Status.STATUS_PENDING);
  const delayed = isDelayed(entry, options) && !released ? pending.filter((one) => wants(one, NOTIFY.delay, true)) : [];
  for (const recipient of delayed) told.push({ recipient, action: 'delayed' });
  const lastError = [...pending, ...recipients.filter(({ status }) => status === Status.STATUS_FAILED)][0]?.diagnostic;
  return {
    recipients,
    nextAttemptAt: released ? now : nextAttempt(schedule, entry.attempts, entry.expiresAt, now, random),
    lastError: lastError ?? '',
    delayNotified: entry.delayNotified || delayed.length > 0,
    told: entry.sender === '' ? told.filter(({ action }) => action === 'failed') : told,
  };
}

function applied(
  before: storage.QueueRecipient,
  result: RecipientResult,
  isExpired: boolean,
  released: boolean,
): storage.QueueRecipient {
  // A delivery that was cut off says nothing new.
  if (released && result.state === 'pending') return before;
  const after = {
    ...before,
    status: STATUS[result.state],
    diagnostic: result.diagnostic,
    enhancedStatus: result.status,
    remoteMta: result.remoteMta,
  };
  if (result.state !== 'pending' || !isExpired) return after;
  return { ...after, status: Status.STATUS_FAILED, enhancedStatus: S.timeExpired };
}

function actionOf(recipient: storage.QueueRecipient): Told['action'] | undefined {
  switch (recipient.status) {
    case Status.STATUS_FAILED:
      return wants(recipient, NOTIFY.failure, true) ? 'failed' : undefined;
    case Status.STATUS_RELAYED:
      return wants(recipient, NOTIFY.success, false) ? 'relayed' : undefined;
    case Status.STATUS_DELIVERED:
      // With another server that took it lies the duty to tell (RFC 3461 section 5.2.2).
      return recipient.remoteMta === '' && wants(recipient, NOTIFY.success, false) ? 'delivered' : undefined;
    default:
      return undefined;
  }
}

/** Whether the sender asked for it, or asked for nothing and it is told by default. */
function wants({ notify }: storage.QueueRecipient, bit: number, byDefault: boolean): boolean {
  if (notify === 0) return byDefault;
  return (notify & NOTIFY.never) === 0 && (notify & bit) !== 0;
}

function isDelayed(entry: storage.QueueEntry, { now, delayNotice }: SettleOptions): boolean {
  return !entry.delayNotified && now - entry.createdAt >= delayNotice && now < entry.expiresAt;
}
