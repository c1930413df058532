import { StoaError } from '@stoa/plugin-sdk';
import type { Client } from 'pg';
import { invalid } from './address.ts';
import { functions, tables } from './sql.ts';

/** Each step brings the tables from the format of its index to the next one; the last is what this driver uses. */
const STEPS: readonly ((schema: string, lz4: boolean) => string)[] = [
  (schema, lz4) => tables(schema, lz4) + functions(schema),
];

export const FORMAT_VERSION = STEPS.length;

const PROGRAM = 'stoa data store';

interface Found {
  /** Tables and the like that have one of our names. */
  names: string[];
  version: number | undefined;
}

/**
 * Makes the schema or brings it to the format of this driver, one process at a time. Rejects with `unsupported-version`
 * when a newer Stoa was here, with `invalid-configuration` when another program was, and else with the error of pg.
 */
export async function migrate(client: Client, schema: string): Promise<void> {
  if ((await versionOf(client, schema)) === FORMAT_VERSION) return;
  await client.query('BEGIN');
  try {
    await client.query("SELECT pg_advisory_xact_lock(hashtext('stoa migration'), hashtext($1))", [schema]);
    const from = await versionOf(client, schema);
    if (from < FORMAT_VERSION) {
      const lz4 = await hasLz4(client);
      if (from === 0) {
        // Where it exists the role need not have the right to make schemas.
        const { rows } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
        await client.query(`${rows.length === 0 ? `CREATE SCHEMA ${schema};` : ''}${start(schema)}`);
      }
      for (const step of STEPS.slice(from)) await client.query(step(schema, lz4));
      await client.query(`UPDATE ${schema}.format SET version = $1, updated_at = now()`, [FORMAT_VERSION]);
    }
    await client.query('COMMIT');
  } catch (error) {
    // Where the connection is lost the server rolls back by itself.
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

function start(schema: string): string {
  return `
CREATE TABLE ${schema}.format (program text NOT NULL, version integer NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
COMMENT ON TABLE ${schema}.format IS 'Which version of the tables this is.';
INSERT INTO ${schema}.format (program, version) VALUES ('${PROGRAM}', 0);`;
}

/** 0 when there is nothing yet. */
async function versionOf(client: Client, schema: string): Promise<number> {
  const { names, version } = await inspect(client, schema);
  if (version === undefined && names.length > 0) {
    const found = names.map((name) => `${schema}.${name}`).join(', ');
    throw invalid(`the database has ${found}, which Stoa did not make; set "schema" to a name that is free`);
  }
  if (version !== undefined && version > FORMAT_VERSION) {
    throw new StoaError(
      'unsupported-version',
      `the data store in the schema ${schema} has format ${version}, this version of Stoa knows ${FORMAT_VERSION}; ` +
        'use a newer Stoa, or set "schema" to another store',
    );
  }
  return version ?? 0;
}

async function inspect(client: Client, schema: string): Promise<Found> {
  const { rows } = await client.query<{ name: string; columns: string }>(
    `SELECT c.relname AS name, (
        SELECT string_agg(a.attname, ',' ORDER BY a.attname) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      ) AS columns
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname IN ('format', 'entry', 'entry_pkey', 'readable', 'usage')`,
    [schema],
  );
  const names = rows.map(({ name }) => name);
  const format = rows.find(({ name }) => name === 'format');
  if (format?.columns !== 'program,updated_at,version') return { names, version: undefined };
  const { rows: versions } = await client.query<{ version: number }>(
    `SELECT version FROM ${schema}.format WHERE program = $1`,
    [PROGRAM],
  );
  return { names, version: versions.length === 1 ? versions[0]!.version : undefined };
}

async function hasLz4(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ has: boolean }>(
    "SELECT 'lz4' = ANY (enumvals) AS has FROM pg_settings WHERE name = 'default_toast_compression'",
  );
  return rows[0]?.has === true;
}
