import { readFileSync } from 'node:fs';
import { type ChannelCredentials, credentials, ServerCredentials } from '@grpc/grpc-js';
import { StoaError } from '@stoa/plugin-sdk';
import type { CoreConfig } from '../config/sections.ts';
import { type Address, formatAddress, isLoopback } from '../config/types.ts';

/** Paths of PEM files: the authority that the other side is checked by, and this side's certificate and key. */
export type ClusterTls = NonNullable<CoreConfig['cluster']['tls']>;

export interface CredentialsOptions {
  /** Key of the configuration that names the files, for messages. */
  tlsKey?: string;
}

function readPems(tls: ClusterTls, tlsKey: string): { ca: Buffer; cert: Buffer; key: Buffer } {
  const read = (name: keyof ClusterTls) => {
    try {
      return readFileSync(tls[name]);
    } catch (error) {
      throw new StoaError('invalid-configuration', `${tlsKey}.${name}: ${(error as Error).message}`, { cause: error });
    }
  };
  return { ca: read('ca'), cert: read('cert'), key: read('key') };
}

function refusePlain(address: Address, tlsKey: string): void {
  if (isLoopback(address.host)) return;
  throw new StoaError(
    'invalid-configuration',
    `${formatAddress(address)} is reached over the network, which needs ${tlsKey}; make the files with \`stoa cluster init-ca\` and \`stoa cluster issue\``,
  );
}

/** Mutual TLS where it is configured; plain text on loopback only. */
export function serverCredentials(
  tls: ClusterTls | undefined,
  address: Address,
  { tlsKey = 'cluster.tls' }: CredentialsOptions = {},
): ServerCredentials {
  if (tls === undefined) {
    refusePlain(address, tlsKey);
    return ServerCredentials.createInsecure();
  }
  const { ca, cert, key } = readPems(tls, tlsKey);
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], true);
}

export function channelCredentials(
  tls: ClusterTls | undefined,
  address: Address,
  { tlsKey = 'cluster.tls' }: CredentialsOptions = {},
): ChannelCredentials {
  if (tls === undefined) {
    refusePlain(address, tlsKey);
    return credentials.createInsecure();
  }
  const { ca, cert, key } = readPems(tls, tlsKey);
  return credentials.createSsl(ca, key, cert);
}
