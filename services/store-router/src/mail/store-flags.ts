import { storage } from '@stoa/contracts';
import { type FlagChange, intersectionOfSets, MAX_NUMBER, type NumberSet, SYSTEM_FLAGS, unionOfSets } from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import { changeMessageFlags } from '../account/messages.ts';
import { checkedSet, type MailContext, publishMailbox } from './context.ts';
import { deltaAfterChange } from './delta.ts';

const Mode = storage.StoreFlagsRequest_Mode;

function changeMode(mode: storage.StoreFlagsRequest_Mode): FlagChange['mode'] {
  switch (mode) {
    case Mode.MODE_ADD:
      return 'add';
    case Mode.MODE_REMOVE:
      return 'remove';
    case Mode.MODE_REPLACE:
      return 'replace';
    default:
      throw new StoaError('invalid-argument', 'unknown mode');
  }
}

export async function storeFlags(
  context: MailContext,
  request: storage.StoreFlagsRequest,
  signal: AbortSignal,
): Promise<{ delta: Awaited<ReturnType<typeof deltaAfterChange>>; modified: storage.UidSet }> {
  const { accountId, mailboxId, flags, keywords, unchangedSince } = request;
  const uids = checkedSet(request.uids);
  const mode = changeMode(request.mode);
  if ((flags & ~SYSTEM_FLAGS) !== 0) throw new StoaError('invalid-argument', 'unknown system flags');
  let modified: number[] = [];
  let last = 0;
  for (let rest: NumberSet = uids; ; ) {
    const done = await context.accounts.write(
      accountId,
      async (transaction) => {
        transaction.mailbox(mailboxId);
        const change = { mode, flags, keywords, unchangedSince };
        const result = await changeMessageFlags(transaction, mailboxId, rest, change);
        return { ...result, modseq: transaction.writes ? transaction.modseq : 0 };
      },
      signal,
    );
    modified = unionOfSets(modified, done.modified);
    last = done.modseq;
    if (done.continueAt === undefined) break;
    if (last > 0) publishMailbox(context, accountId, mailboxId, last);
    rest = intersectionOfSets(rest, [done.continueAt, MAX_NUMBER]);
  }
  // The answer has the change before the notice comes, so that the session that made it need not read it for the notice.
  try {
    const delta = await deltaAfterChange(context, accountId, mailboxId, request.knownModseq);
    return { delta, modified: { bounds: modified } };
  } finally {
    if (last > 0) publishMailbox(context, accountId, mailboxId, last);
  }
}
