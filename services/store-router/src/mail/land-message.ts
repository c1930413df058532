import { hash } from 'node:crypto';
import { keywordWords } from '@stoa/mail';
import { checkQuota, insertMessages, keywordNumbersFor } from '../account/messages.ts';
import { decodeMarker, encodeMarker, type Mailbox } from '../account/rows.ts';
import type { AccountTransaction } from '../account/transaction.ts';
import type { StoredBody } from '../body/bodies.ts';
import type { MailContext } from './context.ts';

export interface Landing {
  accountId: string;
  /** Finds the mailbox; throws `not-found` when there is none. */
  mailbox(transaction: AccountTransaction): Mailbox;
  flags: number;
  keywords: readonly string[];
  /** Milliseconds since 1970-01-01 UTC. */
  internalDate: number;
  /** Empty: none. */
  idempotencyKey: string;
  stored: StoredBody;
}

export interface Landed {
  mailboxId: number;
  uidValidity: number;
  uid: number;
  modseq: number;
}

/** Puts a stored body into a mailbox, once for each idempotency key; resolves when that is durable. */
export async function landMessage(context: MailContext, landing: Landing, signal: AbortSignal): Promise<Landed> {
  const { accountId, idempotencyKey, stored } = landing;
  const digest = idempotencyKey === '' ? undefined : hash('sha256', idempotencyKey, 'buffer').subarray(0, 16);
  return stored.linking(() =>
    context.accounts.write(
      accountId,
      async (transaction) => {
        if (digest === undefined) return land(transaction, landing);
        const key = transaction.keys.idempotency(digest);
        // The first attempt takes the key for new, which nearly all are; the commit's condition proves it.
        const earlier = transaction.attempt === 0 ? undefined : await earlierResult(transaction, key);
        if (earlier !== undefined) return earlier;
        transaction.require(key, undefined);
        try {
          const landed = await land(transaction, landing);
          transaction.put(key, encodeMarker({ at: transaction.environment.now(), ...landed }));
          return landed;
        } catch (error) {
          // What failed now (over quota, say) may have been done before, when it did not.
          const done = await earlierResult(transaction, key);
          if (done === undefined) throw error;
          return done;
        }
      },
      signal,
    ),
  );
}

async function earlierResult(transaction: AccountTransaction, key: Uint8Array): Promise<Landed | undefined> {
  const [row] = await transaction.rows([key]);
  return row === undefined ? undefined : decodeMarker(row);
}

async function land(transaction: AccountTransaction, landing: Landing): Promise<Landed> {
  const { body } = landing.stored;
  const mailbox = landing.mailbox(transaction);
  checkQuota(transaction, body.size);
  const status = await transaction.status(mailbox.id);
  const { numbers, table } = keywordNumbersFor(status, landing.keywords, true);
  if (table !== status.keywords) transaction.setStatus(mailbox.id, { ...status, keywords: table });
  const words = keywordWords(numbers);
  words.low = (words.low | landing.flags) >>> 0;
  await landing.stored.protect(transaction);
  const { first } = await insertMessages(transaction, mailbox.id, [
    { blobId: body.id, size: body.size, internalDate: landing.internalDate, structure: body.structure, words },
  ]);
  return { mailboxId: mailbox.id, uidValidity: mailbox.uidValidity, uid: first, modseq: transaction.modseq };
}
