import type { storage } from '@stoa/contracts';
import { intersectionOfSets, MAX_NUMBER, type NumberSet, NumberSetBuilder } from '@stoa/mail';
import { removeMessages } from '../account/messages.ts';
import type { Mailbox } from '../account/rows.ts';
import { checkedSet, lookupName, type MailContext, publishMailbox } from './context.ts';
import { type Delta, deltaAfterChange } from './delta.ts';
import { transferMessages } from './transfer.ts';

/**
 * Up to about 4,000 messages are copied (2,000 moved) in one commit. More take several; where a later one fails, what was
 * copied is removed again, so that a copy that is refused leaves nothing behind (RFC 9051 section 6.4.7). A move is atomic
 * for each message (RFC 6851 section 3.3): what was moved stays moved.
 */
export async function copyMessages(
  context: MailContext,
  request: storage.CopyMessagesRequest,
  signal: AbortSignal,
): Promise<Omit<storage.CopyMessagesResponse, 'delta'> & { delta: Delta }> {
  const { accountId, mailboxId, move } = request;
  const name = lookupName(request.toMailbox);
  const fromUids = new NumberSetBuilder();
  const toUids = new NumberSetBuilder();
  let target: Mailbox | undefined;
  try {
    for (let rest: NumberSet | undefined = checkedSet(request.uids); rest !== undefined; ) {
      const uids: NumberSet = rest;
      const done = await context.accounts.write(
        accountId,
        async (transaction) => {
          transaction.mailbox(mailboxId);
          const to = target === undefined ? transaction.mailboxNamed(name) : transaction.mailbox(target.id);
          const result = await transferMessages(transaction, mailboxId, uids, to.id, { move });
          return { ...result, target: to, modseq: transaction.writes ? transaction.modseq : 0 };
        },
        signal,
      );
      target = done.target;
      addAll(fromUids, done.fromUids);
      addAll(toUids, done.toUids);
      if (done.modseq > 0) {
        publishMailbox(context, accountId, target.id, done.modseq);
        if (move && target.id !== mailboxId) publishMailbox(context, accountId, mailboxId, done.modseq);
      }
      rest = done.continueAt === undefined ? undefined : intersectionOfSets(uids, [done.continueAt, MAX_NUMBER]);
    }
  } catch (error) {
    if (!move && target !== undefined) await undo(context, accountId, target.id, toUids.bounds);
    throw error;
  }
  return {
    toUidValidity: target!.uidValidity,
    fromUids: { bounds: fromUids.bounds },
    toUids: { bounds: toUids.bounds },
    delta: await deltaAfterChange(context, accountId, mailboxId, request.knownModseq),
  };
}

function addAll(builder: NumberSetBuilder, bounds: NumberSet): void {
  for (let i = 0; i < bounds.length; i += 2) builder.addRange(bounds[i]!, bounds[i + 1]!);
}

/** Removes the copies again, whoever waits or not. */
async function undo(context: MailContext, accountId: string, mailboxId: number, uids: NumberSet): Promise<void> {
  for (let complete = false; !complete; ) {
    const done = await context.accounts.write(accountId, async (transaction) => {
      const removed = await removeMessages(transaction, mailboxId, uids, { maxRows: 8000 });
      return { complete: removed.complete, modseq: transaction.writes ? transaction.modseq : 0 };
    });
    complete = done.complete;
    if (done.modseq > 0) publishMailbox(context, accountId, mailboxId, done.modseq);
  }
}
