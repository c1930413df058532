import type { storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { ListenerConfig } from './config.ts';
import type { ImapContext } from './context.ts';
import { SelectedMailbox } from './selected-mailbox.ts';
import type { CommandContext, ResponseWriter, SessionOptions } from './session-types.ts';

/** One for all: an error made for each session that ends would take longer than the end. */
const ENDED = new StoaError('cancelled', 'the session has ended');

export interface SessionHooks {
  /** The selected mailbox changed. */
  mailboxChanged(): void;
  /** The selected mailbox is gone. */
  mailboxClosed(): void;
}

export interface SessionAccount {
  readonly id: string;
  readonly address: string;
  readonly credentialVersion: number;
}

/** What a connection knows: who speaks, what was agreed, the mailbox that is selected. */
export class Session implements CommandContext {
  readonly context: ImapContext;
  readonly listener: ListenerConfig;
  readonly remoteAddress: string;
  readonly writer: ResponseWriter;
  readonly options: SessionOptions = { condstore: false, qresync: false, utf8: false, rev2: false };
  readonly #hooks: SessionHooks;
  readonly #abort = new AbortController();
  tls = false;
  #account: SessionAccount | undefined;
  selected: SelectedMailbox | undefined;

  constructor(
    context: ImapContext,
    listener: ListenerConfig,
    remoteAddress: string,
    writer: ResponseWriter,
    hooks: SessionHooks,
  ) {
    this.context = context;
    this.listener = listener;
    this.remoteAddress = remoteAddress;
    this.writer = writer;
    this.#hooks = hooks;
  }

  get account(): SessionAccount | undefined {
    return this.#account;
  }

  get mail(): ImapContext['mail'] {
    return this.context.mail;
  }

  get blobs(): ImapContext['blobs'] {
    return this.context.blobs;
  }

  get logger(): ImapContext['logger'] {
    return this.context.logger;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get offersTls(): boolean {
    return !this.tls && this.listener.tls === 'starttls' && this.context.certificates.available;
  }

  /** Passwords travel under TLS; the demo on loopback is the exception. */
  get offersLogin(): boolean {
    return this.account === undefined && (this.tls || this.context.node.demo);
  }

  enableCondstore(): void {
    this.options.condstore = true;
  }

  logIn(account: SessionAccount): void {
    this.#account = account;
    this.context.interest.enter(account.id);
  }

  async select(state: storage.MailboxState, readOnly: boolean): Promise<SelectedMailbox> {
    const { id } = this.account as { id: string };
    const feed = await this.context.mailboxes.open(id, state);
    this.selected = new SelectedMailbox(feed, state.recentFrom, {
      readOnly,
      options: this.options,
      writer: this.writer,
      onChange: () => this.#hooks.mailboxChanged(),
      onClosed: () => this.#hooks.mailboxClosed(),
    });
    return this.selected;
  }

  deselect(): void {
    if (this.selected === undefined) return;
    this.selected.close();
    this.selected = undefined;
    this.context.mailboxes.released();
  }

  /** The connection ended. */
  end(): void {
    this.deselect();
    this.#abort.abort(ENDED);
    if (this.#account !== undefined) this.context.interest.leave(this.#account.id);
  }
}
