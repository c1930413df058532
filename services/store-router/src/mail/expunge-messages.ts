import type { storage } from '@stoa/contracts';
import { ALL_UIDS, FLAG } from '@stoa/mail';
import { removeMessages } from '../account/messages.ts';
import { checkedSet, type MailContext, publishMailbox } from './context.ts';
import { type Delta, deltaAfterChange } from './delta.ts';

/** Rows that one commit deletes, roughly; more take several commits. */
const ROWS_PER_COMMIT = 8000;

export async function expungeMessages(
  context: MailContext,
  request: storage.ExpungeMessagesRequest,
  signal: AbortSignal,
): Promise<{ delta: Delta }> {
  const { accountId, mailboxId } = request;
  const uids = request.uids === undefined ? ALL_UIDS : checkedSet(request.uids);
  let last = 0;
  for (let complete = false; !complete; ) {
    if (last > 0) publishMailbox(context, accountId, mailboxId, last);
    const done = await context.accounts.write(
      accountId,
      async (transaction) => {
        transaction.mailbox(mailboxId);
        const { deleted } = await transaction.status(mailboxId);
        if (deleted === 0) return { complete: true, modseq: 0 };
        const removed = await removeMessages(transaction, mailboxId, uids, {
          flag: FLAG.deleted,
          maxRows: ROWS_PER_COMMIT,
        });
        return { complete: removed.complete, modseq: transaction.writes ? transaction.modseq : 0 };
      },
      signal,
    );
    complete = done.complete;
    last = done.modseq;
  }
  // The answer has the change before the notice comes, so that the session that made it need not read it for the notice.
  try {
    return { delta: await deltaAfterChange(context, accountId, mailboxId, request.knownModseq) };
  } finally {
    if (last > 0) publishMailbox(context, accountId, mailboxId, last);
  }
}
