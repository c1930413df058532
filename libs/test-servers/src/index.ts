export { type EnsureOptions, ensure, given, missing, type ServerName } from './catalog.ts';
export { findJaeger, type Jaeger, startJaeger } from './jaeger.ts';
export { findProgram } from './locate.ts';
export { type NatsCluster, type NatsOptions, type NatsServer, startNats, startNatsCluster } from './nats.ts';
export { type PgBouncer, startPgBouncer } from './pgbouncer.ts';
export { createPostgresDatabase, type PostgresOptions, type PostgresServer, startPostgres } from './postgres.ts';
export { freePort, freePorts, ServerProcess, temporaryFolder, until } from './process.ts';
export { generatePython, type PythonMemory, preparePython, startPythonMemory } from './python.ts';
export {
  type RedisCluster,
  type RedisOptions,
  type RedisSentinel,
  type RedisServer,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
} from './redis.ts';
export { beginTestRun } from './run.ts';
export { createS3Bucket, type S3Access, type S3Options, type S3Server, startS3 } from './s3.ts';
export type { RunningServer } from './server.ts';
export { makeTlsFiles, type TlsFiles } from './tls.ts';
export { type FaultyLine, startToxiproxy, type Toxic, type Toxiproxy } from './toxiproxy.ts';
