import type { storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { decodeMailboxStatus } from '../account/rows.ts';
import { isMailboxStateKey } from '../keys.ts';
import { type MailContext, mailboxById, mailboxByName, mailboxState } from './context.ts';
import { BATCH_BYTES, readStatus } from './delta.ts';

type Part = {
  part: { $case: 'state'; value: storage.MailboxState } | { $case: 'chunks'; value: { packed: Uint8Array[] } };
};

/**
 * The status of a mailbox and its chunks, as they are stored: nothing is decoded, and as little is held as the reader is
 * behind. Both come from one scan, so they are of one moment.
 */
export async function* openMailbox(
  context: MailContext,
  request: storage.OpenMailboxRequest,
  signal: AbortSignal,
): AsyncGenerator<Part> {
  const { accountId, mailbox: which } = request;
  if (which === undefined) throw new StoaError('invalid-argument', 'a name or an id of a mailbox is needed');
  const { mailbox, view, state } = await context.accounts.reading(accountId, async (now, cache) => {
    const found = which.$case === 'name' ? mailboxByName(now, which.value) : mailboxById(now, which.value);
    const status = request.stateOnly ? await readStatus(now, cache, found.id) : undefined;
    return {
      mailbox: found,
      view: now,
      state: status && mailboxState(context, accountId, found, status),
    };
  });
  if (state !== undefined) {
    if (request.claimRecent) context.accounts.claimRecent(accountId, mailbox.id, state.uidNext);
    yield { part: { $case: 'state', value: state } };
    return;
  }
  let packed: Uint8Array[] = [];
  let bytes = 0;
  let stateSeen = false;
  for await (const entries of context.accounts.store.scan(view.keys.index(mailbox.id), { signal })) {
    for (const { key, value } of entries) {
      if (isMailboxStateKey(key)) {
        stateSeen = true;
        const status = decodeMailboxStatus(value);
        const told = mailboxState(context, accountId, mailbox, status);
        if (request.claimRecent) context.accounts.claimRecent(accountId, mailbox.id, status.uidNext);
        yield { part: { $case: 'state', value: told } };
        continue;
      }
      // Deleted since its name was found: what is left of it is for the purge.
      if (!stateSeen) throw new StoaError('not-found', 'no such mailbox');
      packed.push(value);
      bytes += value.length;
      if (bytes >= BATCH_BYTES) {
        yield { part: { $case: 'chunks', value: { packed } } };
        packed = [];
        bytes = 0;
      }
    }
  }
  if (!stateSeen) throw new StoaError('not-found', 'no such mailbox');
  if (packed.length > 0) yield { part: { $case: 'chunks', value: { packed } } };
}
