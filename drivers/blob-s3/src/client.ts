import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { type DriverContext, StoaError } from '@stoa/plugin-sdk';
import type { Config } from './config.ts';

/** The SDK's client; retries and time limits are those of `Requests`. */
export function createClient(config: Config, context: DriverContext): S3Client {
  const { endpoint } = config;
  const agentOptions = { keepAlive: true, maxSockets: 2 * config['max-connections'], maxFreeSockets: 256 };
  const authorities = config['tls-ca-file'];
  const ca = authorities === undefined ? {} : { ca: [...rootCertificates, read('tls-ca-file', authorities, context)] };
  const region = config.region ?? (endpoint === undefined ? undefined : 'us-east-1');
  const credentials = readCredentials(config, context);
  const checksum = checksumMode(config);
  const options: S3ClientConfig = {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: config['path-style'] ?? endpoint !== undefined,
    requestChecksumCalculation: checksum,
    responseChecksumValidation: checksum,
    expectContinueHeader: false,
    maxAttempts: 1,
    requestHandler: {
      httpAgent: new HttpAgent(agentOptions),
      httpsAgent: new HttpsAgent({ ...agentOptions, ...ca }),
      connectionTimeout: config['connect-timeout'],
      // A blob that is read slowly leaves its connection idle.
      socketTimeout: 0,
      socketAcquisitionWarningTimeout: 600_000,
    },
  };
  const client = new S3Client(options);
  if (endpoint !== undefined) addContentMd5(client);
  return client;
}

/** Servers other than AWS often know no checksums. */
export function checksumMode({ checksum, endpoint }: Config): 'WHEN_SUPPORTED' | 'WHEN_REQUIRED' {
  return checksum ?? (endpoint === undefined ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED');
}

/** The checksum of the body that a batch delete had to have before there were others; older servers insist on it. */
function addContentMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      (args) => {
        const { headers, body } = args.request as { headers: Record<string, string>; body?: string | Uint8Array };
        if (commandName === 'DeleteObjectsCommand' && body !== undefined)
          headers['content-md5'] = createHash('md5').update(body).digest('base64');
        return next(args);
      },
    { step: 'build', name: 'contentMd5' },
  );
}

function readCredentials(config: Config, context: DriverContext) {
  const value = (name: 'access-key' | 'secret-key'): string | undefined => {
    const file = config[`${name}-file`];
    return file === undefined ? config[name] : (read(`${name}-file`, file, context).split('\n')[0] ?? '').trim();
  };
  const [accessKeyId, secretAccessKey] = [value('access-key'), value('secret-key')];
  return accessKeyId === undefined || secretAccessKey === undefined ? undefined : { accessKeyId, secretAccessKey };
}

function read(key: string, path: string, { dataDirectory }: DriverContext): string {
  try {
    return readFileSync(resolve(dataDirectory, path), 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new StoaError('invalid-configuration', `${key}: cannot read ${path} (${reason})`, { cause: error });
  }
}
