import { readFileSync } from 'node:fs';
import { type ChannelCredentials, credentials, ServerCredentials } from '@grpc/grpc-js';
import { StoaError } from '@stoa/plugin-sdk';
import type { CoreConfig } from '../config/sections.ts';
import { type Address, formatAddress, isLoopback } from '../config/types.ts';

type ClusterTls = NonNullable<CoreConfig['cluster']['tls']>;

function readPems(tls: ClusterTls): { ca: Buffer; cert: Buffer; key: Buffer } {
  const read = (name: keyof ClusterTls) => {
    try {
      return readFileSync(tls[name]);
    } catch (error) {
      throw new StoaError('invalid-configuration', `cluster.tls.${name}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };
  return { ca: read('ca'), cert: read('cert'), key: read('key') };
}

function refusePlain(address: Address): void {
  if (isLoopback(address.host)) return;
  throw new StoaError(
    'invalid-configuration',
    `cluster: ${formatAddress(address)} is reached over the network, which needs [cluster.tls]; make the files with \`stoa cluster init-ca\` and \`stoa cluster issue\``,
  );
}

/** Mutual TLS where it is configured; plain text on loopback only. */
export function serverCredentials(tls: ClusterTls | undefined, address: Address): ServerCredentials {
  if (tls === undefined) {
    refusePlain(address);
    return ServerCredentials.createInsecure();
  }
  const { ca, cert, key } = readPems(tls);
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], true);
}

export function channelCredentials(tls: ClusterTls | undefined, address: Address): ChannelCredentials {
  if (tls === undefined) {
    refusePlain(address);
    return credentials.createInsecure();
  }
  const { ca, cert, key } = readPems(tls);
  return credentials.createSsl(ca, key, cert);
}
