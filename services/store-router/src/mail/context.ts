import type { coordinator, storage } from '@stoa/contracts';
import { isNumberSet, type NumberSet } from '@stoa/mail';
import { type SearchStore, StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import type { Accounts } from '../account/accounts.ts';
import { foldName } from '../account/names.ts';
import type { Mailbox, MailboxStatus } from '../account/rows.ts';
import type { AccountView } from '../account/view.ts';
import type { Bodies } from '../body/bodies.ts';
import type { IntakeOptions } from '../body/intake.ts';
import type { OutboundQueue } from '../queue/enqueue.ts';

/** What the calls of MailService work with. */
export interface MailContext {
  readonly accounts: Accounts;
  readonly bodies: Bodies;
  readonly search: SearchStore;
  readonly queue: OutboundQueue;
  readonly intake: IntakeOptions;
  publish(event: NonNullable<coordinator.Event['kind']>): void;
  readonly logger: Logger;
  now(): number;
}

/** Tells everyone that a mailbox changed. */
export function publishMailbox(context: MailContext, accountId: string, mailboxId: number, modseq: number): void {
  context.publish({ $case: 'mailboxChanged', value: { accountId, mailboxId, modseq } });
}

/** Tells everyone that the list of mailboxes or the subscriptions changed. */
export function publishList(context: MailContext, accountId: string): void {
  context.publish({ $case: 'mailboxListChanged', value: { accountId } });
}

/** A mailbox as the contract tells it. */
export function mailboxState(
  context: MailContext,
  accountId: string,
  mailbox: Mailbox,
  status: MailboxStatus,
): storage.MailboxState {
  return {
    mailboxId: mailbox.id,
    name: mailbox.name,
    uidValidity: mailbox.uidValidity,
    uidNext: status.uidNext,
    highestModseq: status.highestModseq,
    messages: status.messages,
    unseen: status.unseen,
    deleted: status.deleted,
    size: status.size,
    keywords: [...status.keywords],
    specialUse: [...mailbox.specialUse],
    recentFrom: context.accounts.recentFrom(accountId, mailbox.id, status.recentFrom),
    // Sessions see it in the index, which they read anyway.
    firstUnseenUid: 0,
    objectId: mailbox.objectId,
  };
}

/** Rejects with `not-found`. */
export function mailboxById(view: AccountView, mailboxId: number): Mailbox {
  const mailbox = view.list.mailboxes.get(mailboxId);
  if (mailbox === undefined) throw new StoaError('not-found', 'no such mailbox');
  return mailbox;
}

/** Rejects with `not-found`. `name` is as the client gave it. */
export function mailboxByName(view: AccountView, name: string): Mailbox {
  const mailbox = view.list.named(lookupName(name));
  if (mailbox === undefined) throw new StoaError('not-found', 'no such mailbox');
  return mailbox;
}

/** A name in the form in which it is looked up. Impossible names are simply not found. */
export function lookupName(name: string): string {
  return foldName(name.endsWith('/') ? name.slice(0, -1) : name).normalize('NFC');
}

/** The bounds of a set that came from outside. */
export function checkedSet(set: storage.UidSet | undefined): NumberSet {
  const bounds = set?.bounds ?? [];
  if (!isNumberSet(bounds)) throw new StoaError('invalid-argument', 'not a set of UIDs');
  return bounds;
}
