import type { SecureContext } from 'node:tls';

/** Certificates that listeners present, chosen by server name (SNI), replaced without a restart. */
export interface CertificateStore {
  /** The context for a server name; the default one for an unknown or absent name; undefined when there is no certificate at all. */
  secureContext(serverName: string | undefined): SecureContext | undefined;
  /** Whether any certificate is loaded, so that STARTTLS can be offered. */
  readonly available: boolean;
  /** Called after certificates were replaced. Returns a function that ends it. */
  onChange(listener: (names: readonly string[]) => void): () => void;
}
