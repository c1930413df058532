import type { Client, storage } from '@stoa/contracts';
import type { AccountWatch, CertificateStore, Logger, NodeInfo } from '@stoa/service-kit';
import type { SmtpConfig } from './config.ts';
import type { SmtpMetrics } from './metrics.ts';

/** What every connection works with. */
export interface SmtpContext {
  /** As it is now: limits may change while the service runs. */
  readonly config: SmtpConfig;
  readonly node: Pick<NodeInfo, 'id' | 'incarnation' | 'hostname' | 'demo'>;
  readonly mail: Client<typeof storage.MailServiceDefinition>;
  readonly directory: Client<typeof storage.DirectoryServiceDefinition>;
  readonly accounts: Pick<AccountWatch, 'accepts'>;
  readonly certificates: CertificateStore;
  readonly logger: Logger;
  readonly metrics: SmtpMetrics;
  now(): number;
  random(octets: number): Buffer;
}
