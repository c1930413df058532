import { storage } from '@stoa/contracts';
import type { CoreConfig } from '../config/sections.ts';
import type { EventClient } from '../events/types.ts';
import type { ServiceName } from '../service.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { FileCertificateStore } from '../tls/certificate-store.ts';
import { ClusterSecret } from '../tls/key-seal.ts';
import { SharedCertificates } from '../tls/shared-certificates.ts';
import type { Channels } from './channels.ts';

/** Services that show certificates to mail clients. */
const SHOWS_CERTIFICATES: ReadonlySet<ServiceName> = new Set(['smtp', 'imap']);

export function showsCertificates(service: ServiceName): boolean {
  return SHOWS_CERTIFICATES.has(service);
}

export interface SharingParts {
  core: CoreConfig;
  services: readonly ServiceName[];
  nodeId: string;
  channels: Channels;
  store: FileCertificateStore;
  events: EventClient;
  logger: Logger;
}

/**
 * The certificates that the cluster shares, for a process that shows any. Undefined where it shows none, or where the cluster
 * has no secret to open their keys with. Throws `invalid-configuration` when the secret cannot be read.
 */
export function certificateSharing(parts: SharingParts): SharedCertificates | undefined {
  const { core, services, nodeId, channels, store, events, logger } = parts;
  if (!services.some(showsCertificates)) return undefined;
  const file = core.cluster['secret-file'];
  const { share: puts, 'min-version': minVersion } = core.tls;
  if (file === undefined) {
    if (puts) logger.warn({}, 'tls.share has no effect: certificates are shared only with cluster.secret-file');
    return undefined;
  }
  return new SharedCertificates({
    client: channels.client(storage.CertificateServiceDefinition),
    secret: ClusterSecret.read(file),
    store,
    events,
    logger: logger.child({ component: 'certificates' }),
    nodeId,
    minVersion,
    puts,
  });
}
