import type { storage } from '@stoa/contracts';
import { decodeMailboxStatus } from '../account/rows.ts';
import { type MailContext, mailboxState } from './context.ts';

export async function listMailboxes(
  context: MailContext,
  { accountId }: storage.ListMailboxesRequest,
): Promise<storage.ListMailboxesResponse> {
  return context.accounts.reading(accountId, async (view, cache) => {
    const mailboxes = [...view.list.mailboxes.values()];
    const missing = mailboxes.filter(({ id }) => view.status(id) === undefined);
    if (missing.length > 0) {
      const rows = await cache.read(
        view,
        missing.map(({ id }) => view.keys.mailboxState(id)),
      );
      for (let i = 0; i < missing.length; i++) view.setStatus(missing[i]!.id, decodeMailboxStatus(rows[i]!));
      cache.touch(view);
    }
    return {
      mailboxes: mailboxes.map((mailbox) => mailboxState(context, accountId, mailbox, view.status(mailbox.id)!)),
      subscriptions: [...view.list.subscriptions],
    };
  });
}
