import { checkServerIdentity } from 'node:tls';
import { type ChannelCredentials, credentials, experimental, ServerCredentials } from '@grpc/grpc-js';
import { StoaError } from '@stoa/plugin-sdk';
import type { CoreConfig } from '../config/sections.ts';
import { type Endpoint, formatEndpoint, isLocal } from '../config/types.ts';
import type { Logger } from '../telemetry/logger.ts';
import { WatchedCertificates } from './watched-certificates.ts';

/** Paths of PEM files: the authority that the other side is checked by, and this side's certificate and key. */
export type ClusterTls = NonNullable<CoreConfig['cluster']['tls']>;

export interface CredentialsOptions {
  /** Key of the configuration that names the files, for messages. */
  tlsKey?: string;
  /** Told when the files change. */
  logger?: Logger;
}

function refusePlain(endpoint: Endpoint, tlsKey: string): void {
  if (isLocal(endpoint)) return;
  throw new StoaError(
    'invalid-configuration',
    `${formatEndpoint(endpoint)} is reached over the network, which needs ${tlsKey}; make the files with \`stoa cluster init-ca\` and \`stoa cluster issue\``,
  );
}

/** Mutual TLS where it is configured; plain text on loopback only. Files that change count for new connections. */
export function serverCredentials(
  tls: ClusterTls | undefined,
  endpoint: Endpoint,
  { tlsKey = 'cluster.tls', logger }: CredentialsOptions = {},
): ServerCredentials {
  if (tls === undefined) {
    refusePlain(endpoint, tlsKey);
    return ServerCredentials.createInsecure();
  }
  const watched = new WatchedCertificates(tls, { tlsKey, logger });
  return experimental.createCertificateProviderServerCredentials(watched, watched, true);
}

/** The same from the other side. */
export function channelCredentials(
  tls: ClusterTls | undefined,
  endpoint: Endpoint,
  { tlsKey = 'cluster.tls', logger }: CredentialsOptions = {},
): ChannelCredentials {
  if (tls === undefined) {
    refusePlain(endpoint, tlsKey);
    return credentials.createInsecure();
  }
  const watched = new WatchedCertificates(tls, { tlsKey, logger });
  return experimental.createCertificateProviderChannelCredentials(watched, watched, {
    checkServerIdentity: (_, certificate) =>
      checkServerIdentity('path' in endpoint ? 'localhost' : endpoint.host, certificate),
  });
}
