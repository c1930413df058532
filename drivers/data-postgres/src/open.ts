import { type DataStore, type DriverContext, isStoaError, StoaError } from '@stoa/plugin-sdk';
import pg from 'pg';
import { type Address, addressOf, invalid } from './address.ts';
import type { Config } from './config.ts';
import { Database } from './database.ts';
import { fromPostgres, messageOf, sqlState } from './errors.ts';
import { migrate } from './migrate.ts';
import { checkServer, isPooled } from './server.ts';
import { PostgresStore } from './store.ts';

/** Connects, checks the server and makes or migrates the tables; rejects with what to change. */
export async function openStore(config: Config, context: DriverContext): Promise<DataStore> {
  const { logger, nodeId } = context;
  const address = addressOf(config, context.dataDirectory);
  const client = new pg.Client({ ...address.options, application_name: `stoa ${nodeId}`.slice(0, 63) });
  // An error outside a statement also rejects the statement after it.
  client.on('error', () => {});
  let pooled: boolean;
  try {
    await client.connect();
    pooled = await isPooled(client);
    await checkServer(client, logger);
    await migrate(client, config.schema);
  } catch (error) {
    throw explain(error, address, config);
  } finally {
    await client.end().catch(() => {});
  }
  if (pooled) logger.info({}, 'a pooler is between this process and PostgreSQL');
  const statementTimeoutMs = config.statementTimeout;
  const database = new Database({
    connection: {
      ...address.options,
      application_name: `stoa ${nodeId}`.slice(0, 63),
      // Poolers refuse settings at log-in; there the timeout of this process alone applies.
      ...(pooled ? {} : { statement_timeout: Math.ceil(statementTimeoutMs) }),
    },
    poolSize: config.poolSize,
    scanConnections: config.scanConnections,
    statementTimeoutMs,
    prepare: config.prepare === 'auto' ? !pooled : config.prepare,
    logger,
  });
  return new PostgresStore(database, {
    schema: config.schema,
    commitConnections: config.commitConnections,
    // Scans need some, too.
    readConnections: Math.max(1, Math.floor((config.poolSize - config.commitConnections) / 2)),
    statementTimeoutMs,
    maxScanMs: config.maxScanTime,
  });
}

/** What went wrong while opening, with what to change. */
function explain(error: unknown, { text, host, database, user }: Address, { schema }: Config): StoaError {
  if (isStoaError(error)) return error;
  const message = messageOf(error);
  const state = sqlState(error);
  if (state?.startsWith('28') || /password|authentication|SASL/i.test(message)) {
    return invalid(`PostgreSQL refuses the log-in of ${text}: ${message}; check "user" and "password"`, error);
  }
  if (state === '3D000' || /no such database|database .* does not exist/.test(message)) {
    return invalid(
      `there is no database ${database} (${text}); make it with CREATE DATABASE "${database}" OWNER "${user}", or set "database"`,
      error,
    );
  }
  if (state === '42501') {
    return invalid(
      `the role ${user} may not use or make the schema ${schema}: ${message}; ` +
        `an administrator can make it with CREATE SCHEMA ${schema} AUTHORIZATION "${user}"`,
      error,
    );
  }
  if (/does not support SSL|SSL required/i.test(message)) {
    return invalid(`${host} offers no TLS; set "tls.mode" to "disable" where the network is trusted`, error);
  }
  if (/certificate|self.signed|altnames|\bCA\b/i.test(message)) {
    return invalid(`the certificate of ${host} is not accepted: ${message}; check "tls.ca" and "tls.mode"`, error);
  }
  const { code } = fromPostgres(error);
  if (code !== 'unavailable')
    return new StoaError(code, `cannot open the data store of ${text}: ${message}`, { cause: error });
  return new StoaError(
    'unavailable',
    `cannot reach PostgreSQL as ${text}: ${message}; check "host" and "port" or "url"`,
    {
      cause: error,
    },
  );
}
