import { join } from 'node:path';
import {
  type Jaeger,
  type NatsServer,
  type PostgresServer,
  type RedisServer,
  type S3Server,
  startJaeger,
  startNats,
  startPostgres,
  startRedis,
  startS3,
} from '@stoa/test-servers';

export type BusName = 'nats' | 'redis';

/** The servers that a cluster keeps its state in and speaks through. */
export interface Backends {
  readonly postgres: PostgresServer;
  readonly s3: S3Server;
  readonly redis: RedisServer;
  readonly nats: NatsServer | undefined;
  readonly jaeger: Jaeger | undefined;
  stop(): Promise<void>;
}

export interface BackendOptions {
  bus: BusName;
  jaeger: boolean;
  /** Data that outlives the run; temporary folders without it. */
  folder?: string;
  /** Told before each server is started, and what cannot be had. */
  progress?(line: string): void;
}

/** Starts (or finds, by address) every server that a cluster needs. When one fails, those before it are stopped again. */
export async function startBackends({ bus, jaeger, folder, progress }: BackendOptions): Promise<Backends> {
  const started: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const server of started.splice(0).reverse()) await server.stop();
  };
  const start = async <T extends { stop(): Promise<void> }>(name: string, begin: () => Promise<T>): Promise<T> => {
    progress?.(`${name} …`);
    const server = await begin();
    started.push(server);
    return server;
  };
  const kept = (name: string) => (folder === undefined ? {} : { folder: join(folder, name) });
  try {
    const postgres = await start('PostgreSQL', () => startPostgres(kept('postgres')));
    const redis = await start('Redis', () => startRedis());
    const nats = bus === 'nats' ? await start('NATS', () => startNats()) : undefined;
    const s3 = await start('S3', () => startS3(kept('s3')));
    const tracing = jaeger ? await start('Jaeger', () => startJaeger()) : undefined;
    return { postgres, redis, nats, s3, jaeger: tracing, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Where the stores of a cluster are. */
export interface StoreAddresses {
  /** URL of the database. */
  postgres: string;
  s3: Pick<S3Server, 'endpoint' | 'region' | 'bucket' | 'accessKey' | 'secretKey'>;
  redis: string;
  /** Without it Redis is the bus as well. */
  nats: string | undefined;
  /** Keeps clusters that share Redis and the bus apart. */
  name?: string;
}

export function addressesOf({ postgres, s3, redis, nats }: Backends): StoreAddresses {
  const { endpoint, region, bucket, accessKey, secretKey } = s3;
  return {
    postgres: postgres.url,
    s3: { endpoint, region, bucket, accessKey, secretKey },
    redis: redis.url,
    nats: nats?.url,
  };
}

/** Sections of the configuration that name these stores, the same on every node. */
export function storesToml({ postgres, s3, redis, nats, name }: StoreAddresses): string {
  const bus = nats === undefined ? `driver = "redis"\nurl = "${redis}"` : `driver = "nats"\nservers = ["${nats}"]`;
  return `
[data]
driver = "postgres"
url = "${postgres}"
[blob]
driver = "inline"
[blob.outer]
driver = "s3"
endpoint = "${s3.endpoint}"
region = "${s3.region}"
bucket = "${s3.bucket}"
access-key = "${s3.accessKey}"
secret-key = "${s3.secretKey}"
[memory]
driver = "redis"
url = "${redis}"
${name === undefined ? '' : `prefix = "${name}:"`}
[bus]
${bus}
${name === undefined ? '' : `[coordinator]\ntopic-suffix = "${name}"`}
`;
}
