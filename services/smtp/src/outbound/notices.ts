import type { storage } from '@stoa/contracts';
import { buildDsn, type DsnRecipient } from '@stoa/mail';
import { originalRecipient } from './envelope.ts';
import type { MessageBody } from './message-body.ts';
import type { Told } from './settle.ts';

export interface NoticeOptions {
  readonly hostname: string;
  /** Octets of the message that are returned at most. */
  readonly maxReturned: number;
  readonly now: number;
  random(octets: number): Buffer;
}

/**
 * What the sender is told, as one report (RFC 3464): failures with the message or its header, as RET asks for, everything
 * else with the header. Nobody is told of what has the null sender. A message that cannot be read is left out.
 */
export async function noticeOf(
  entry: storage.QueueEntry,
  told: readonly Told[],
  body: Pick<MessageBody, 'beginning'>,
  { hostname, maxReturned, now, random }: NoticeOptions,
): Promise<storage.ReportRequest_Notice | undefined> {
  if (told.length === 0 || entry.sender === '') return undefined;
  const beginning = await body.beginning(maxReturned).catch(() => Buffer.alloc(0));
  const isFailure = told.some(({ action }) => action === 'failed');
  const isWhole = entry.returnFull && isFailure && entry.size <= maxReturned && beginning.length > 0;
  const { pieces } = buildDsn({
    reportingMta: hostname,
    to: entry.sender,
    recipients: told.map((one) => dsnRecipient(one, entry, now)),
    original: {
      content: isWhole ? beginning : headerOf(beginning),
      isWhole,
      envelopeId: entry.envelopeId === '' ? undefined : entry.envelopeId,
      arrivalMs: entry.createdAt,
    },
    epochMs: now,
    random: random(24),
  });
  return { recipient: entry.sender, accountId: '', message: Buffer.concat(pieces) };
}

function dsnRecipient({ recipient, action }: Told, entry: storage.QueueEntry, now: number): DsnRecipient {
  const { address, diagnostic, enhancedStatus, remoteMta } = recipient;
  return {
    recipient: address,
    original: originalRecipient(recipient.originalRecipient),
    action,
    status: /^[245]\.\d{1,3}\.\d{1,3}$/.test(enhancedStatus) ? enhancedStatus : FALLBACK[action],
    remoteMta: remoteMta === '' ? undefined : remoteMta,
    diagnostic:
      diagnostic === ''
        ? undefined
        : { type: remoteMta === '' ? ('x-stoa' as const) : ('smtp' as const), text: diagnostic },
    lastAttemptMs: now,
    ...(action === 'delayed' ? { retryUntilMs: entry.expiresAt } : {}),
  };
}

const FALLBACK = { failed: '5.0.0', delayed: '4.0.0', delivered: '2.0.0', relayed: '2.0.0' } as const;

/** The header block, its last line whole. */
function headerOf(beginning: Buffer): Buffer {
  const end = beginning.indexOf('\r\n\r\n');
  if (end >= 0) return beginning.subarray(0, end + 2);
  const last = beginning.lastIndexOf('\r\n');
  return beginning.subarray(0, last < 0 ? 0 : last + 2);
}
