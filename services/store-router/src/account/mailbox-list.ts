import { foldName } from './names.ts';
import { decodeMailbox, type Mailbox } from './rows.ts';

/** The mailboxes and subscriptions of an account at one moment; immutable. */
export class MailboxList {
  readonly mailboxes: ReadonlyMap<number, Mailbox>;
  readonly subscriptions: ReadonlySet<string>;
  readonly #byName: ReadonlyMap<string, Mailbox>;

  constructor(mailboxes: ReadonlyMap<number, Mailbox>, subscriptions: ReadonlySet<string>) {
    this.mailboxes = mailboxes;
    this.subscriptions = subscriptions;
    this.#byName = new Map(Array.from(mailboxes.values(), (mailbox) => [foldName(mailbox.name), mailbox]));
  }

  static fromRows(
    rows: Iterable<readonly [id: number, value: Uint8Array]>,
    subscriptions: Iterable<string>,
  ): MailboxList {
    const mailboxes = new Map<number, Mailbox>();
    for (const [id, value] of rows) mailboxes.set(id, decodeMailbox(id, value));
    return new MailboxList(mailboxes, new Set(subscriptions));
  }

  /** INBOX is found without regard to case. */
  named(name: string): Mailbox | undefined {
    return this.#byName.get(foldName(name));
  }

  withMailbox(mailbox: Mailbox): MailboxList {
    return new MailboxList(new Map(this.mailboxes).set(mailbox.id, mailbox), this.subscriptions);
  }

  withoutMailbox(id: number): MailboxList {
    const mailboxes = new Map(this.mailboxes);
    mailboxes.delete(id);
    return new MailboxList(mailboxes, this.subscriptions);
  }

  withSubscription(name: string, subscribed: boolean): MailboxList {
    const subscriptions = new Set(this.subscriptions);
    if (subscribed) subscriptions.add(name);
    else subscriptions.delete(name);
    return new MailboxList(this.mailboxes, subscriptions);
  }
}
