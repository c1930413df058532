import { type DriverLogger, StoaError } from '@stoa/plugin-sdk';
import type pg from 'pg';
import { invalid } from './address.ts';

const OLDEST_SERVER = 150_000;

/** What is used of a connection of pg. */
type Client = Pick<pg.Client, 'query'>;

/** A pooler gives out process ids of its own making. */
export async function isPooled(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid !== (client as unknown as { processID: number }).processID;
}

/** Refuses a server that cannot keep the promises of the driver; rejects with what to change. */
export async function checkServer(client: Client, logger: DriverLogger): Promise<void> {
  const { rows } = await client.query<Record<string, string | boolean>>(
    `SELECT current_setting('server_version_num') AS version, current_setting('server_version') AS name,
      pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only') AS read_only,
      current_setting('default_transaction_isolation') AS isolation, current_setting('fsync') AS fsync,
      current_setting('full_page_writes') AS pages, current_setting('synchronous_commit') AS synchronous`,
  );
  const server = rows[0]!;
  if (Number(server['version']) < OLDEST_SERVER) {
    throw new StoaError(
      'unsupported-version',
      `PostgreSQL ${server['name']} is too old; upgrade the server to 15 or newer`,
    );
  }
  if (server['standby'] === true) {
    throw new StoaError('unavailable', 'the server is a standby; set "host" or "url" to where the primary answers');
  }
  if (server['read_only'] === 'on') {
    throw invalid('transactions of this role are read-only; set its default_transaction_read_only to off');
  }
  if (server['isolation'] !== 'read committed') {
    throw invalid(
      `transactions of this role are ${server['isolation']}; set its default_transaction_isolation to "read committed"`,
    );
  }
  if (server['fsync'] === 'off' || server['pages'] === 'off') {
    logger.warn(
      { fsync: server['fsync'], full_page_writes: server['pages'] },
      'PostgreSQL is set to lose or damage data when its machine fails; set fsync and full_page_writes to on',
    );
  }
  if (server['synchronous'] === 'off') {
    logger.info({}, 'synchronous_commit is off in PostgreSQL; commits of Stoa are synchronous all the same');
  }
}
