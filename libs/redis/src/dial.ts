import { StoaError } from '@stoa/plugin-sdk';
import { Redis, type RedisOptions } from 'ioredis';
import { type Address, describeAddress, type RedisSettings } from './settings.ts';

/**
 * One connection to one server, logged in and ready: it neither reconnects nor queues nor sends anything twice. Rejects
 * with the error of the socket or the server. Whoever gets it disconnects it, also after its "end".
 */
export async function dial(settings: RedisSettings, address: Address, login: RedisOptions): Promise<Redis> {
  const redis = new Redis({
    ...login,
    ...address,
    lazyConnect: true,
    retryStrategy: null,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    // A peer that is gone without a word: an answer that is due and does not come ends the connection.
    socketTimeout: settings.commandTimeoutMs,
  });
  let failure: unknown;
  redis.on('error', (error: unknown) => {
    failure ??= error;
  });
  // The connection's own time ends with the TCP or TLS handshake; the login has to end too.
  const late = setTimeout(() => {
    failure ??= new Error('the connection was not ready in time');
    redis.disconnect();
  }, settings.connectTimeoutMs);
  try {
    await redis.connect();
    // The client goes on, in database 0, when it may not select the one that was asked for.
    if (failure !== undefined) throw failure;
    return redis;
  } catch (error) {
    redis.disconnect();
    throw failure ?? error;
  } finally {
    clearTimeout(late);
  }
}

/** As `dial`, of a server that must be a master that has its data; checked as `verifyMaster` does. */
export async function dialMaster(settings: RedisSettings, address: Address): Promise<Redis> {
  const redis = await dial(settings, address, settings.login);
  try {
    await verifyMaster(redis, address, settings);
    return redis;
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}

/**
 * Rejects unless the server answers that it is a master, has loaded its data, and (in a cluster) belongs to the part
 * that may go on. This is what tells a server that was demoted or cut off, but still holds its connections.
 */
export async function verifyMaster(redis: Redis, address: Address, { mode }: RedisSettings): Promise<void> {
  const [replication, persistence] = await Promise.all([
    redis.info('replication'),
    redis.info('persistence'),
    mode === 'cluster' ? verifyClusterState(redis, address) : undefined,
  ]);
  const where = describeAddress(address);
  if (!/^role:master\r?$/m.test(replication)) throw new StoaError('unavailable', `${where} is not a master`);
  if (/^loading:1\r?$/m.test(persistence)) throw new StoaError('unavailable', `${where} is loading its data`);
}

/** Rejects unless this node of a cluster belongs to the part that may go on. */
export async function verifyClusterState(node: Redis, address: Address): Promise<void> {
  const state = String(await node.cluster('INFO'));
  if (!/^cluster_state:ok\r?$/m.test(state))
    throw new StoaError('unavailable', `the cluster is down, as ${describeAddress(address)} sees it`);
}
