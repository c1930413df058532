import type { Client, storage } from '@stoa/contracts';
import {
  ALL_UIDS,
  applyDelta,
  IndexChunk,
  intersectionOfSets,
  type MailboxSnapshot,
  type NumberSet,
  SnapshotBuilder,
  unionOfSets,
} from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';

type Mail = Client<typeof storage.MailServiceDefinition>;

/** A session on a mailbox, as its feed sees it. */
export interface FeedListener {
  /** The mailbox changed. */
  changed(): void;
  /** The mailbox is gone. */
  closed(): void;
  /** May set flags, so it may take \Recent for itself. */
  readonly claimsRecent: boolean;
  /** Messages with these UIDs are \Recent for this session and no other. */
  takeRecent(from: number, before: number): void;
}

const LOAD_TIMEOUT_MS = 60_000;

/**
 * The newest state of one mailbox in this process, shared by all its sessions: however many there are, a change is read once.
 */
export class MailboxFeed {
  readonly accountId: string;
  readonly mailboxId: number;
  readonly listeners = new Set<FeedListener>();
  #state: storage.MailboxState;
  #snapshot: MailboxSnapshot;
  readonly #mail: Mail;
  #syncing: Promise<void> | undefined;
  #again = false;
  #gone = false;

  constructor(mail: Mail, accountId: string, state: storage.MailboxState, snapshot: MailboxSnapshot) {
    this.#mail = mail;
    this.accountId = accountId;
    this.mailboxId = state.mailboxId;
    this.#state = state;
    this.#snapshot = snapshot;
  }

  /** Reads a mailbox whole. */
  static async load(mail: Mail, accountId: string, mailboxId: number): Promise<MailboxFeed> {
    const { state, snapshot } = await readMailbox(mail, accountId, mailboxId);
    return new MailboxFeed(mail, accountId, state, snapshot);
  }

  get state(): storage.MailboxState {
    return this.#state;
  }

  get snapshot(): MailboxSnapshot {
    return this.#snapshot;
  }

  get modseq(): number {
    return this.#state.highestModseq;
  }

  /** Octets that it takes, about. */
  get size(): number {
    return 1024 + this.#snapshot.count * 16;
  }

  /** An event said that the mailbox is at this MODSEQ. */
  hear(modseq: number): Promise<void> {
    return modseq > this.modseq ? this.sync() : Promise.resolve();
  }

  /** Reads what changed. Calls during a read share one that starts after it, so that none misses what it waits for. */
  sync(): Promise<void> {
    if (this.#gone) return Promise.resolve();
    if (this.#syncing !== undefined) {
      this.#again = true;
      return this.#syncing;
    }
    this.#syncing = this.#syncAll().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async #syncAll(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#syncOnce();
      } catch (error) {
        if (!(error instanceof StoaError) || error.code !== 'not-found') throw error;
        this.#gone = true;
        for (const listener of [...this.listeners]) listener.closed();
      }
    } while (this.#again && !this.#gone);
  }

  async #syncOnce(): Promise<void> {
    const claimRecent = this.#recentOwner() !== undefined;
    const request = { accountId: this.accountId, mailboxId: this.mailboxId, sinceModseq: this.modseq, claimRecent };
    let state: storage.MailboxState | undefined;
    const chunks: IndexChunk[] = [];
    let vanished: NumberSet = [];
    for await (const { delta } of this.#mail.syncMailbox(request, {
      routeKey: this.accountId,
      timeoutMs: LOAD_TIMEOUT_MS,
    })) {
      if (delta?.reopen === true) return this.#reopen();
      state ??= delta?.state;
      for (const packed of delta?.chunks ?? []) chunks.push(IndexChunk.decode(packed));
      if (delta?.vanished !== undefined) vanished = unionOfSets(vanished, delta.vanished.bounds);
    }
    if (state !== undefined) this.#advance(state, applyDelta(this.#snapshot, chunks, vanished));
  }

  async #reopen(): Promise<void> {
    const { state, snapshot } = await readMailbox(this.#mail, this.accountId, this.mailboxId);
    this.#advance(state, snapshot);
  }

  /** Takes in what a changing call returned. Something newer may have come in between; then there is nothing to take. */
  async apply(delta: storage.MailboxDelta | undefined): Promise<void> {
    if (delta?.state === undefined || delta.partial || delta.reopen) return this.sync();
    if (delta.state.highestModseq <= this.modseq) return;
    const chunks = delta.chunks.map((packed) => IndexChunk.decode(packed));
    this.#advance(delta.state, applyDelta(this.#snapshot, chunks, delta.vanished?.bounds ?? []));
  }

  #advance(state: storage.MailboxState, snapshot: MailboxSnapshot): void {
    const before = this.#state;
    if (state.highestModseq < before.highestModseq) return;
    this.#state = state;
    this.#snapshot = snapshot;
    if (state.uidNext > before.uidNext)
      this.#recentOwner()?.takeRecent(
        Math.max(before.uidNext, Math.min(state.recentFrom, state.uidNext)),
        state.uidNext,
      );
    if (state.highestModseq > before.highestModseq) for (const listener of [...this.listeners]) listener.changed();
  }

  #recentOwner(): FeedListener | undefined {
    for (const listener of this.listeners) if (listener.claimsRecent) return listener;
    return undefined;
  }

  /** UIDs that vanished since a MODSEQ, within a set. Where the log does not reach back: all of the set that are not there. */
  async vanishedSince(modseq: number, within: NumberSet): Promise<NumberSet> {
    if (modseq >= this.modseq) return [];
    let vanished: NumberSet = [];
    const request = { accountId: this.accountId, mailboxId: this.mailboxId, sinceModseq: modseq };
    for await (const { delta } of this.#mail.syncMailbox(request, {
      routeKey: this.accountId,
      timeoutMs: LOAD_TIMEOUT_MS,
    })) {
      if (delta?.reopen === true) return this.#missing(within);
      if (delta?.vanished !== undefined) vanished = unionOfSets(vanished, delta.vanished.bounds);
    }
    return intersectionOfSets(vanished, within);
  }

  #missing(within: NumberSet): NumberSet {
    const missing: number[] = [];
    let next = 1;
    const existing = this.#snapshot.existing(ALL_UIDS);
    for (let i = 0; i + 1 < existing.length; i += 2) {
      const first = existing[i] as number;
      if (first > next) missing.push(next, first - 1);
      next = (existing[i + 1] as number) + 1;
    }
    if (this.#state.uidNext > next) missing.push(next, this.#state.uidNext - 1);
    return intersectionOfSets(missing, within);
  }
}

async function readMailbox(
  mail: Mail,
  accountId: string,
  mailboxId: number,
): Promise<{ state: storage.MailboxState; snapshot: MailboxSnapshot }> {
  let state: storage.MailboxState | undefined;
  const builder = new SnapshotBuilder();
  const request = { accountId, mailbox: { $case: 'mailboxId' as const, value: mailboxId } };
  for await (const { part } of mail.openMailbox(request, { routeKey: accountId, timeoutMs: LOAD_TIMEOUT_MS })) {
    if (part?.$case === 'state') state = part.value;
    else if (part?.$case === 'chunks') builder.add(part.value.packed);
  }
  if (state === undefined) throw new StoaError('internal', 'the mailbox came without its state');
  return { state, snapshot: builder.build() };
}
