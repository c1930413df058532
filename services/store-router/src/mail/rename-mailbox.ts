import type { storage } from '@stoa/contracts';
import { ALL_UIDS } from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import { createMailbox } from '../account/mailboxes.ts';
import { INBOX, mailboxName, parentNames, SEPARATOR } from '../account/names.ts';
import type { AccountTransaction } from '../account/transaction.ts';
import { lookupName, type MailContext, publishList, publishMailbox } from './context.ts';
import { transferMessages } from './transfer.ts';

export async function renameMailbox(
  context: MailContext,
  request: storage.RenameMailboxRequest,
  signal: AbortSignal,
): Promise<storage.RenameMailboxResponse> {
  const { accountId } = request;
  const from = lookupName(request.from);
  const to = mailboxName(request.to);
  if (from === INBOX) await renameInbox(context, accountId, to, signal);
  else await context.accounts.write(accountId, async (transaction) => rename(transaction, from, to), signal);
  publishList(context, accountId);
  return {};
}

function rename(transaction: AccountTransaction, from: string, to: string): void {
  const prefix = from + SEPARATOR;
  const moved = [...transaction.list.mailboxes.values()].filter(({ name }) => name === from || name.startsWith(prefix));
  // A name that exists only as the level above others can be renamed too.
  if (moved.length === 0) throw new StoaError('not-found', 'no such mailbox');
  if (to === from || to.startsWith(prefix)) {
    throw new StoaError('failed-precondition', 'a mailbox cannot be moved to itself or below itself');
  }
  const ids = new Set(moved.map(({ id }) => id));
  for (const mailbox of moved) {
    const name = mailboxName(to + mailbox.name.slice(from.length));
    const other = transaction.list.named(name);
    if (other !== undefined && !ids.has(other.id)) throw new StoaError('already-exists', 'the new name exists already');
  }
  for (const parent of parentNames(to)) {
    if (transaction.list.named(parent) === undefined) createMailbox(transaction, parent, []);
  }
  for (const mailbox of moved) {
    transaction.putMailbox({ ...mailbox, name: to + mailbox.name.slice(from.length) });
  }
}

/** Renaming INBOX moves its messages to a new mailbox and leaves its children alone (RFC 9051 section 6.3.6). */
async function renameInbox(context: MailContext, accountId: string, to: string, signal: AbortSignal): Promise<void> {
  let targetId: number | undefined;
  for (let complete = false; !complete; ) {
    const done = await context.accounts.write(
      accountId,
      async (transaction) => {
        const inbox = transaction.mailboxNamed(INBOX);
        const target = targetId === undefined ? createMailbox(transaction, to, []) : transaction.mailbox(targetId);
        const { continueAt } = await transferMessages(transaction, inbox.id, ALL_UIDS, target.id, { move: true });
        const modseq = transaction.writes ? transaction.modseq : 0;
        return { from: inbox.id, to: target.id, complete: continueAt === undefined, modseq };
      },
      signal,
    );
    complete = done.complete;
    targetId = done.to;
    publishMailbox(context, accountId, done.from, done.modseq);
    publishMailbox(context, accountId, done.to, done.modseq);
  }
}
