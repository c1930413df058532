import type { storage } from '@stoa/contracts';
import type { MailAddress, MailParameters, SmtpExtension } from '@stoa/mail';
import type { ListenerConfig } from './config.ts';
import type { SmtpContext } from './context.ts';

/** A recipient that RCPT accepted, with everywhere its mail goes. */
export interface AcceptedRecipient {
  /** As the client gave it, canonical. */
  readonly address: string;
  readonly targets: readonly storage.DeliveryRecipient[];
}

export interface Transaction {
  /** null: `<>`. */
  readonly sender: MailAddress | null;
  readonly parameters: MailParameters;
  readonly recipients: AcceptedRecipient[];
}

export interface TlsFacts {
  /** Version and cipher, for the Received field. */
  readonly description: string;
}

/** What a connection knows: who speaks, what was agreed, the transaction that is open. */
export class Session {
  readonly context: SmtpContext;
  readonly listener: ListenerConfig;
  /** IP address of the client. */
  readonly remoteAddress: string;
  /** The greeting and the name that the client gave. */
  greeting: { verb: 'HELO' | 'EHLO' | 'LHLO'; name: string } | undefined;
  tls: TlsFacts | undefined;
  account: { id: string; address: string; credentialVersion: number } | undefined;
  transaction: Transaction | undefined;
  errors = 0;

  constructor(context: SmtpContext, listener: ListenerConfig, remoteAddress: string) {
    this.context = context;
    this.listener = listener;
    this.remoteAddress = remoteAddress;
  }

  get isLmtp(): boolean {
    return this.listener.kind === 'lmtp';
  }

  get isSubmission(): boolean {
    return this.listener.kind === 'submission';
  }

  /** STARTTLS is offered where there is a certificate and no TLS yet. */
  get offersTls(): boolean {
    return this.tls === undefined && this.listener.tls === 'starttls' && this.context.certificates.available;
  }

  /** Passwords travel under TLS; the demo on loopback is the exception. */
  get offersAuth(): boolean {
    return this.isSubmission && this.account === undefined && (this.tls !== undefined || this.context.node.demo);
  }

  /** Extensions whose parameters MAIL and RCPT may have. */
  get extensions(): ReadonlySet<SmtpExtension> {
    return this.offersAuth || this.account !== undefined ? WITH_AUTH : WITHOUT_AUTH;
  }

  /** Forgets the transaction (RFC 5321 section 4.1.1.5). */
  reset(): void {
    this.transaction = undefined;
  }

  /** A new beginning under TLS: what was said in the clear does not count (RFC 3207 section 4.2). */
  startTls(tls: TlsFacts): void {
    this.tls = tls;
    this.greeting = undefined;
    this.account = undefined;
    this.reset();
  }
}

const WITHOUT_AUTH: ReadonlySet<SmtpExtension> = new Set<SmtpExtension>(['SIZE', '8BITMIME', 'SMTPUTF8', 'DSN']);
const WITH_AUTH: ReadonlySet<SmtpExtension> = new Set<SmtpExtension>([...WITHOUT_AUTH, 'AUTH']);
