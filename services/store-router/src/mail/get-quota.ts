import type { storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { MailContext } from './context.ts';

export async function getQuota(
  context: MailContext,
  { accountId }: storage.GetQuotaRequest,
): Promise<storage.GetQuotaResponse> {
  const usage = await context.accounts.usage(accountId);
  if (usage === undefined) throw new StoaError('not-found', 'no such account');
  return { usedBytes: usage.usedBytes, limitBytes: usage.quotaBytes, messages: usage.messages };
}
