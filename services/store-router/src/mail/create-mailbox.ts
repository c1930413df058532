import type { storage } from '@stoa/contracts';
import { createMailbox as create } from '../account/mailboxes.ts';
import { mailboxName, specialUses } from '../account/names.ts';
import { type MailContext, mailboxState, publishList } from './context.ts';

export async function createMailbox(
  context: MailContext,
  request: storage.CreateMailboxRequest,
  signal: AbortSignal,
): Promise<storage.CreateMailboxResponse> {
  const { accountId } = request;
  const name = mailboxName(request.name);
  const uses = specialUses(request.specialUse);
  const state = await context.accounts.write(
    accountId,
    async (transaction) => {
      const mailbox = create(transaction, name, uses);
      return mailboxState(context, accountId, mailbox, {
        ...(await transaction.status(mailbox.id)),
        highestModseq: transaction.modseq,
      });
    },
    signal,
  );
  publishList(context, accountId);
  return { state };
}
