import { StoaError } from '@stoa/plugin-sdk';
import { parentNames } from './names.ts';
import type { AccountState, Mailbox, MailboxStatus } from './rows.ts';
import type { AccountTransaction } from './transaction.ts';

const MAX_MAILBOXES = 10_000;
const MAX_SUBSCRIPTIONS = 20_000;

/** A new mailbox, and what of the account's state changes with it. */
export function newMailbox(
  state: Pick<AccountState, 'nextMailboxId' | 'lastUidValidity'>,
  what: { accountId: string; name: string; specialUse: readonly string[]; now: number; modseq: number },
): { mailbox: Mailbox; status: MailboxStatus; state: Pick<AccountState, 'nextMailboxId' | 'lastUidValidity'> } {
  const id = state.nextMailboxId;
  // Strictly ascending over the account, so that a name made anew never has the value of its forerunner
  // (RFC 9051 section 2.3.1.1).
  const uidValidity = Math.max(Math.floor(what.now / 1000), state.lastUidValidity + 1);
  const mailbox = {
    id,
    name: what.name,
    specialUse: what.specialUse,
    uidValidity,
    objectId: `m${what.accountId}${id.toString(36)}`,
    createdAt: what.now,
  };
  const status = {
    uidNext: 1,
    highestModseq: what.modseq,
    messages: 0,
    unseen: 0,
    deleted: 0,
    size: 0,
    recentFrom: 1,
    logFloor: 0,
    lastVanished: 0,
    keywords: [],
    recentChunks: [],
    recentFloor: 0,
  };
  return { mailbox, status, state: { nextMailboxId: id + 1, lastUidValidity: uidValidity } };
}

/** Creates a mailbox and the missing ones above it (RFC 9051 section 6.3.4). `name` is in stored form. */
export function createMailbox(transaction: AccountTransaction, name: string, specialUse: readonly string[]): Mailbox {
  if (transaction.list.named(name) !== undefined) throw new StoaError('already-exists', 'the mailbox exists already');
  for (const use of specialUse) {
    for (const mailbox of transaction.list.mailboxes.values()) {
      if (mailbox.specialUse.includes(use))
        throw new StoaError('failed-precondition', `another mailbox is ${use} already`);
    }
  }
  for (const parent of parentNames(name)) {
    if (transaction.list.named(parent) === undefined) addMailbox(transaction, parent, []);
  }
  return addMailbox(transaction, name, specialUse);
}

function addMailbox(transaction: AccountTransaction, name: string, specialUse: readonly string[]): Mailbox {
  if (transaction.list.mailboxes.size >= MAX_MAILBOXES) {
    throw new StoaError('limit-exceeded', `an account has at most ${MAX_MAILBOXES} mailboxes`);
  }
  const { accountId, environment, modseq } = transaction;
  const made = newMailbox(transaction.state, { accountId, name, specialUse, now: environment.now(), modseq });
  transaction.updateState(made.state);
  transaction.putMailbox(made.mailbox);
  transaction.setStatus(made.mailbox.id, made.status);
  return made.mailbox;
}

export function setSubscription(transaction: AccountTransaction, name: string, subscribed: boolean): void {
  const { list, keys } = transaction;
  if (list.subscriptions.has(name) === subscribed) return;
  if (subscribed && list.subscriptions.size >= MAX_SUBSCRIPTIONS) {
    throw new StoaError('limit-exceeded', `an account has at most ${MAX_SUBSCRIPTIONS} subscriptions`);
  }
  transaction.setList(list.withSubscription(name, subscribed));
  if (subscribed) transaction.put(keys.subscription(name), Uint8Array.of(1));
  else transaction.delete(keys.subscription(name));
}
