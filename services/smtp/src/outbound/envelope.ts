import type { storage } from '@stoa/contracts';
import {
  AddressSyntaxError,
  decodeUtf8AddrXtext,
  decodeXtext,
  ehloSizeLimit,
  type MailAddress,
  type MailParameters,
  type NotifyCondition,
  needsSmtputf8,
  type OriginalRecipient,
  parseAddress,
  type RcptParameters,
  ENHANCED_STATUS as S,
} from '@stoa/mail';
import type { SmtpSession } from './client/session.ts';
import type { Transaction, TransactionRecipient } from './client/transaction.ts';
import type { MessageBody } from './message-body.ts';
import type { RecipientResult } from './result.ts';

/** NOTIFY of a queued recipient, by bit (RFC 3461 section 4.1). */
export const NOTIFY = { success: 1, failure: 2, delay: 4, never: 8 } as const;

const CONDITIONS: readonly (readonly [number, NotifyCondition])[] = [
  [NOTIFY.success, 'SUCCESS'],
  [NOTIFY.failure, 'FAILURE'],
  [NOTIFY.delay, 'DELAY'],
];

/** As the receiving side allows it. */
const ADDRESS_OPTIONS = { utf8: true, lenient: true, maxLocal: 254 } as const;

export interface Prepared {
  /** By index: recipients that this server cannot be asked for. */
  readonly refused: ReadonlyMap<number, RecipientResult>;
  readonly transaction:
    | { readonly indices: readonly number[]; readonly request: Transaction; close(): Promise<void> }
    | undefined;
}

export interface Preparation {
  readonly entry: storage.QueueEntry;
  readonly recipients: readonly storage.QueueRecipient[];
  readonly body: MessageBody;
}

/** What to say to this server for some of the recipients, given what it offers. Rejects with DeliveryFailure. */
export async function prepare(
  { entry, recipients, body }: Preparation,
  indices: readonly number[],
  { extensions }: Pick<SmtpSession, 'extensions'>,
): Promise<Prepared> {
  const refused = new Map<number, RecipientResult>();
  const refuseAll = (status: string, diagnostic: string): Prepared => {
    for (const index of indices) if (!refused.has(index)) refused.set(index, failed(status, diagnostic));
    return { refused, transaction: undefined };
  };
  const sender = entry.sender === '' ? null : parsed(entry.sender);
  if (sender === undefined) return refuseAll(S.badSenderSyntax, 'the sender is no address');
  const takesUtf8 = extensions.has('SMTPUTF8');
  if (!takesUtf8 && sender !== null && needsSmtputf8(sender)) {
    return refuseAll(S.nonAsciiAddress, 'the server does not take the sender’s address (SMTPUTF8)');
  }
  const addresses = new Map<number, MailAddress>();
  for (const index of indices) {
    const address = parsed((recipients[index] as storage.QueueRecipient).address);
    if (address === undefined) refused.set(index, failed(S.badRecipientSyntax, 'the recipient is no address'));
    else if (!takesUtf8 && needsSmtputf8(address)) {
      refused.set(index, failed(S.nonAsciiAddress, 'the server does not take such an address (SMTPUTF8)'));
    } else addresses.set(index, address);
  }
  if (addresses.size === 0) return { refused, transaction: undefined };
  if (!takesUtf8 && entry.smtputf8 && (await body.hasEightBit(true))) {
    return refuseAll('5.6.9', 'the server does not take a header beyond ASCII (SMTPUTF8)');
  }
  // Converting would break signatures: RFC 6152 section 3 leaves the choice.
  if (entry.eightBitMime && !extensions.has('8BITMIME') && (await body.hasEightBit(false))) {
    return refuseAll(S.conversionRequired, 'the server takes 7-bit messages only');
  }
  const { size, chunks, close } = await body.open();
  const limit = ehloSizeLimit({ domain: '', greeting: '', keywords: extensions });
  if (limit !== undefined && size > limit) {
    await close();
    return refuseAll(S.tooBig, `the message has ${size} octets, the server takes ${limit}`);
  }
  const isUtf8 =
    entry.smtputf8 ||
    (sender !== null && needsSmtputf8(sender)) ||
    [...addresses.values()].some((address) => needsSmtputf8(address));
  const parameters = mailParameters(entry, extensions, size, takesUtf8 && isUtf8);
  const notifies = extensions.has('DSN');
  const request: Transaction = {
    sender,
    parameters,
    recipients: Array.from(addresses, ([index, address]) =>
      transactionRecipient(address, recipients[index] as storage.QueueRecipient, notifies),
    ),
    body: chunks,
  };
  return { refused, transaction: { indices: [...addresses.keys()], request, close } };
}

function mailParameters(
  entry: storage.QueueEntry,
  extensions: SmtpSession['extensions'],
  size: number,
  smtputf8: boolean,
): MailParameters {
  const notifies = extensions.has('DSN');
  return {
    ...(extensions.has('SIZE') ? { size } : {}),
    ...(entry.eightBitMime && extensions.has('8BITMIME') ? { body: '8BITMIME' as const } : {}),
    ...(smtputf8 ? { smtputf8: true as const } : {}),
    ...(notifies && entry.sender !== '' ? { ret: entry.returnFull ? ('FULL' as const) : ('HDRS' as const) } : {}),
    ...(notifies && entry.envelopeId !== '' ? { envid: entry.envelopeId } : {}),
  };
}

function transactionRecipient(
  address: MailAddress,
  { notify, originalRecipient: original }: storage.QueueRecipient,
  notifies: boolean,
): TransactionRecipient {
  if (!notifies) return { address, parameters: {}, relayed: (notify & NOTIFY.success) !== 0 };
  const conditions = CONDITIONS.flatMap(([bit, name]) => ((notify & bit) === 0 ? [] : [name]));
  const orcpt = originalRecipient(original);
  const parameters: RcptParameters = {
    ...((notify & NOTIFY.never) !== 0 ? { notify: ['NEVER'] } : conditions.length > 0 ? { notify: conditions } : {}),
    ...(orcpt === undefined ? {} : { orcpt }),
  };
  return { address, parameters, relayed: false };
}

/** ORCPT as the queue keeps it: type, semicolon, address in xtext. */
export function originalRecipient(text: string): OriginalRecipient | undefined {
  const semicolon = text.indexOf(';');
  if (semicolon < 1) return undefined;
  const coded = text.slice(semicolon + 1);
  const address = decodeXtext(coded) ?? decodeUtf8AddrXtext(coded);
  return address === undefined || address === '' ? undefined : { type: text.slice(0, semicolon), address };
}

function parsed(text: string): MailAddress | undefined {
  try {
    return parseAddress(text, ADDRESS_OPTIONS);
  } catch (error) {
    if (error instanceof AddressSyntaxError) return undefined;
    throw error;
  }
}

function failed(status: string, diagnostic: string): RecipientResult {
  return { state: 'failed', status, diagnostic, remoteMta: '' };
}
