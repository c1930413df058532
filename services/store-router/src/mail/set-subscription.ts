import type { storage } from '@stoa/contracts';
import { setSubscription as set } from '../account/mailboxes.ts';
import { mailboxName } from '../account/names.ts';
import { lookupName, type MailContext, publishList } from './context.ts';

/** A name may be subscribed whether or not there is such a mailbox (RFC 9051 section 6.3.7). */
export async function setSubscription(
  context: MailContext,
  request: storage.SetSubscriptionRequest,
  signal: AbortSignal,
): Promise<storage.SetSubscriptionResponse> {
  const { accountId, subscribed } = request;
  const name = subscribed ? mailboxName(request.name) : lookupName(request.name);
  await context.accounts.write(accountId, async (transaction) => set(transaction, name, subscribed), signal);
  publishList(context, accountId);
  return {};
}
