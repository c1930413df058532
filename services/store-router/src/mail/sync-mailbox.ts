import type { storage } from '@stoa/contracts';
import type { MailContext } from './context.ts';
import { type Delta, deltaStream } from './delta.ts';

export async function* syncMailbox(
  context: MailContext,
  request: storage.SyncMailboxRequest,
): AsyncGenerator<{ delta: Delta }> {
  const { accountId, mailboxId, sinceModseq, claimRecent } = request;
  for await (const delta of deltaStream(context, accountId, mailboxId, sinceModseq)) {
    if (claimRecent && delta.state !== undefined) {
      context.accounts.claimRecent(accountId, mailboxId, delta.state.uidNext);
    }
    yield { delta };
  }
}
