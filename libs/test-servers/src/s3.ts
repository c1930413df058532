import { createHash, createHmac } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { given, program } from './catalog.ts';
import { accepts, freePort, noteUse, removeFolder, ServerProcess, temporaryFolder } from './process.ts';
import { notOurs, type RunningServer } from './server.ts';

export interface S3Server extends RunningServer {
  /** http://host:port */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** A bucket that is there. */
  readonly bucket: string;
  createBucket(name: string): Promise<void>;
}

export interface S3Options {
  host?: string;
  port?: number;
  /** Kept after the end; a temporary folder by default. */
  folder?: string;
}

const REGION = 'us-east-1';
const ACCESS_KEY = 'stoa-test';
const SECRET_KEY = 'stoa-test-secret';
const BUCKET = 'stoa';

/** An S3 server (versitygw) on a folder. */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const address = given('s3');
  if (address !== undefined) return givenS3(address);
  const path = await program('s3');
  const { host = '127.0.0.1' } = options;
  const port = options.port ?? (await freePort(host));
  const folder = options.folder ?? temporaryFolder('s3');
  const buckets = join(folder, 'buckets');
  mkdirSync(join(buckets, BUCKET), { recursive: true });
  const server = new ServerProcess({
    name: 'versitygw',
    program: path,
    args: ['--quiet', '--keep-alive', '--port', `${host}:${port}`, '--region', REGION, 'posix', buckets],
    env: { ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
    cwd: folder,
    ready: () => accepts(host, port),
  });
  await server.start();
  noteUse('S3: versitygw 1.8');
  const access: S3Access = {
    endpoint: `http://${host}:${port}`,
    region: REGION,
    accessKey: ACCESS_KEY,
    secretKey: SECRET_KEY,
  };
  return {
    ...access,
    bucket: BUCKET,
    createBucket: (name) => createS3Bucket(access, name),
    kill: () => server.end('SIGKILL'),
    restart: () => server.start(),
    signal: (name) => server.signal(name),
    stop: async () => {
      await server.end('SIGKILL');
      if (options.folder === undefined) removeFolder(folder);
    },
    get log() {
      return server.log;
    },
  };
}

/** How to reach an S3 server. */
export interface S3Access {
  endpoint: string;
  region: string;
  accessKey: string;
  secretKey: string;
}

/** http://access-key:secret-key@host:port/bucket?region=… */
async function givenS3(address: string): Promise<S3Server> {
  const url = new URL(address);
  noteUse(`S3 at ${url.host}`);
  const access: S3Access = {
    endpoint: url.origin,
    region: url.searchParams.get('region') ?? REGION,
    accessKey: decodeURIComponent(url.username),
    secretKey: decodeURIComponent(url.password),
  };
  return {
    ...notOurs('S3', 'STOA_TEST_S3'),
    ...access,
    bucket: url.pathname.slice(1),
    createBucket: (name) => createS3Bucket(access, name),
  };
}

/** Makes a bucket, by one signed PUT; no more of S3 is needed here. */
export async function createS3Bucket(
  { endpoint, region, accessKey, secretKey }: S3Access,
  name: string,
): Promise<void> {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const { host } = new URL(endpoint);
  const headers = { host, 'x-amz-content-sha256': hash(''), 'x-amz-date': time };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([key, value]) => `${key}:${value}\n`);
  const request = `PUT\n/${name}\n\n${lines.join('')}\n${names}\n${hash('')}`;
  const scope = `${day}/${region}/s3/aws4_request`;
  const key = ['s3', 'aws4_request'].reduce(hmac, hmac(hmac(`AWS4${secretKey}`, day), region));
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash(request)}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const { host: _, ...sent } = headers;
  const response = await fetch(`${endpoint}/${name}`, { method: 'PUT', headers: { ...sent, authorization } });
  if (!response.ok) throw new Error(`the bucket ${name} was not made: ${response.status} ${await response.text()}`);
}
