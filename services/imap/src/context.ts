import type { Client, storage } from '@stoa/contracts';
import type { AccountWatch, CertificateStore, Logger, NodeInfo } from '@stoa/service-kit';
import type { ImapConfig } from './config.ts';
import type { MailboxCache } from './mailbox-cache.ts';
import type { ImapMetrics } from './metrics.ts';
import type { SessionInterest } from './session-interest.ts';

/** What every session works with. */
export interface ImapContext {
  /** As it is now: limits may change while the service runs. */
  readonly config: ImapConfig;
  readonly node: Pick<NodeInfo, 'id' | 'incarnation' | 'hostname' | 'demo' | 'version'>;
  readonly mail: Client<typeof storage.MailServiceDefinition>;
  readonly blobs: Client<typeof storage.BlobServiceDefinition>;
  readonly directory: Client<typeof storage.DirectoryServiceDefinition>;
  readonly mailboxes: MailboxCache;
  readonly interest: Pick<SessionInterest, 'enter' | 'leave'>;
  readonly accounts: Pick<AccountWatch, 'accepts'>;
  readonly certificates: CertificateStore;
  readonly logger: Logger;
  readonly metrics: ImapMetrics;
  random(octets: number): Buffer;
}
