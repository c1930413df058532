import type { storage } from '@stoa/contracts';
import { SYSTEM_FLAGS } from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import type { AccountView } from '../account/view.ts';
import { receiveBody } from '../body/intake.ts';
import { lookupName, type MailContext, mailboxByName, publishMailbox } from './context.ts';
import { landMessage } from './land-message.ts';
import { splitHead } from './stream-head.ts';

export async function appendMessage(
  context: MailContext,
  requests: AsyncIterable<storage.AppendMessageRequest>,
  signal: AbortSignal,
): Promise<storage.AppendMessageResponse> {
  const { head, data, end } = await splitHead(requests, 'head');
  try {
    const { accountId, flags, keywords, idempotencyKey } = head;
    if ((flags & ~SYSTEM_FLAGS) !== 0) throw new StoaError('invalid-argument', 'unknown system flags');
    const name = lookupName(head.mailbox);
    const check = async (view: AccountView) => {
      mailboxByName(view, name);
      const { quotaBytes, usedBytes } = view.state;
      if (idempotencyKey === '' && quotaBytes > 0 && usedBytes + head.size > quotaBytes) {
        throw new StoaError('over-quota', 'the account is over its quota');
      }
    };
    // Before the message is received, so that a client learns early what would fail anyway. What is known here may let it
    // pass, since the commit looks again; to refuse it takes what is so now.
    await context.accounts.readingKnown(accountId, check).catch(() => context.accounts.reading(accountId, check));
    const body = await receiveBody(data, context.intake, head.size);
    try {
      const stored = await context.bodies.store(body, { oneCommit: true, signal });
      const landed = await landMessage(
        context,
        {
          accountId,
          mailbox: (transaction) => transaction.mailboxNamed(name),
          flags,
          keywords,
          internalDate: head.internalDate || context.now(),
          idempotencyKey,
          stored,
        },
        signal,
      );
      publishMailbox(context, accountId, landed.mailboxId, landed.modseq);
      const { mailboxId, uidValidity, uid, modseq } = landed;
      return { mailboxId, uidValidity, uid, modseq };
    } finally {
      await body.close();
    }
  } finally {
    await end();
  }
}
