import type { storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { INBOX } from '../account/names.ts';
import { lookupName, type MailContext, publishList, publishMailbox } from './context.ts';

/**
 * Deletes one mailbox; its children stay (RFC 9051 section 6.3.5). Its name, quota and messages are free at once, the mass
 * of its rows is removed by the purge.
 */
export async function deleteMailbox(
  context: MailContext,
  request: storage.DeleteMailboxRequest,
  signal: AbortSignal,
): Promise<storage.DeleteMailboxResponse> {
  const { accountId } = request;
  const name = lookupName(request.name);
  if (name === INBOX) throw new StoaError('failed-precondition', 'INBOX cannot be deleted');
  const { id, modseq } = await context.accounts.write(
    accountId,
    async (transaction) => {
      const mailbox = transaction.mailboxNamed(name);
      const status = await transaction.status(mailbox.id);
      const { usedBytes, messages } = transaction.state;
      transaction.updateState({ usedBytes: usedBytes - status.size, messages: messages - status.messages });
      transaction.removeMailbox(mailbox.id);
      return { id: mailbox.id, modseq: transaction.modseq };
    },
    signal,
  );
  publishList(context, accountId);
  publishMailbox(context, accountId, id, modseq);
  return {};
}
