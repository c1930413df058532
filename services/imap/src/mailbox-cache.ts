import { type Client, mailboxStream, type storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import { MailboxFeed } from './mailbox-feed.ts';

type Mail = Client<typeof storage.MailServiceDefinition>;

/** The feeds of this process: those with sessions, and some without, so that selecting again is quick. */
export class MailboxCache {
  readonly #mail: Mail;
  readonly #maxIdleBytes: number;
  readonly #logger: Logger;
  /** Least recently used first. */
  readonly #feeds = new Map<string, MailboxFeed>();
  readonly #loading = new Map<string, Promise<MailboxFeed>>();
  /** Feeds that are behind: a read of them failed. */
  readonly #stale = new Set<MailboxFeed>();

  constructor(mail: Mail, maxIdleBytes: number, logger: Logger) {
    this.#mail = mail;
    this.#maxIdleBytes = maxIdleBytes;
    this.#logger = logger;
  }

  /** The state of a mailbox, by name. Rejects with `not-found`. */
  async state(accountId: string, name: string, claimRecent = false): Promise<storage.MailboxState> {
    const request = { accountId, mailbox: { $case: 'name' as const, value: name }, stateOnly: true, claimRecent };
    for await (const { part } of this.#mail.openMailbox(request, { routeKey: accountId }))
      if (part?.$case === 'state') return part.value;
    throw new StoaError('internal', 'the mailbox came without its state');
  }

  /** A feed that is as new as `state` at least. */
  async open(accountId: string, state: storage.MailboxState): Promise<MailboxFeed> {
    const key = `${accountId}/${state.mailboxId}`;
    let feed = this.#feeds.get(key);
    if (feed === undefined) {
      let loading = this.#loading.get(key);
      if (loading === undefined) {
        loading = MailboxFeed.load(this.#mail, accountId, state.mailboxId).finally(() => this.#loading.delete(key));
        this.#loading.set(key, loading);
      }
      feed = await loading;
    }
    this.#feeds.delete(key);
    this.#feeds.set(key, feed);
    await feed.hear(state.highestModseq);
    return feed;
  }

  /** A session left; what nobody uses is forgotten when it takes too much. */
  released(): void {
    let idle = 0;
    for (const feed of this.#feeds.values()) if (feed.listeners.size === 0) idle += feed.size;
    for (const [key, feed] of this.#feeds) {
      if (idle <= this.#maxIdleBytes) return;
      if (feed.listeners.size > 0) continue;
      this.#feeds.delete(key);
      idle -= feed.size;
    }
  }

  /** An event told that a mailbox changed. Only those with sessions are read. */
  changed(accountId: string, mailboxId: number, modseq: number): void {
    const feed = this.#feeds.get(`${accountId}/${mailboxId}`);
    if (feed === undefined || feed.listeners.size === 0) return;
    this.#watch(feed, feed.hear(modseq));
  }

  /** Reads every mailbox that is selected: after events may have been lost, and while none come. */
  syncAll(): void {
    for (const feed of this.#feeds.values()) if (feed.listeners.size > 0) this.#watch(feed, feed.sync());
  }

  /** The same for the accounts that fall to some streams. */
  syncStreams(streams: ReadonlySet<number>): void {
    for (const feed of this.#feeds.values()) {
      if (feed.listeners.size > 0 && streams.has(mailboxStream(feed.accountId))) this.#watch(feed, feed.sync());
    }
  }

  /** Looks whether mailboxes of an account are still there, after the list of its mailboxes changed. */
  syncAccount(accountId: string): void {
    for (const feed of this.#feeds.values()) {
      if (feed.accountId === accountId && feed.listeners.size > 0) this.#watch(feed, feed.sync());
    }
  }

  /** Reads again what could not be read: no further event may come of it. */
  syncStale(): void {
    const stale = [...this.#stale];
    this.#stale.clear();
    for (const feed of stale) if (feed.listeners.size > 0) this.#watch(feed, feed.sync());
  }

  #watch(feed: MailboxFeed, reading: Promise<void>): void {
    reading.catch((error: unknown) => {
      if (this.#stale.size === 0)
        this.#logger.warn({ error }, 'a selected mailbox could not be read and is tried again');
      this.#stale.add(feed);
    });
  }
}
