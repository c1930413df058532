/**
 * Statements and the functions behind them. The functions are where a call becomes one round trip; each is created with
 * planner settings of its own, since behind a pooler no setting of the session would hold, and since a plan made while
 * the table was empty would read all of it later.
 */
const PLANNER = ['enable_seqscan', 'enable_bitmapscan', 'enable_hashjoin', 'enable_mergejoin', 'jit']
  .map((setting) => `SET ${setting} = off`)
  .join(' ');

/** A standby may lag behind what was acknowledged, so it answers nothing. */
const NOT_ON_A_STANDBY = `
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'the server is a standby' USING ERRCODE = 'read_only_sql_transaction';
  END IF;`;

export function tables(schema: string, lz4: boolean): string {
  return `
CREATE TABLE ${schema}.entry (
  key bytea NOT NULL,
  value bytea ${lz4 ? 'COMPRESSION lz4' : ''} NOT NULL,
  CONSTRAINT entry_pkey PRIMARY KEY (key)
) WITH (
  fillfactor = 90,
  toast_tuple_target = 8160,
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);
COMMENT ON TABLE ${schema}.entry IS 'Data of Stoa: keys in the order of their octets. Write through Stoa only.';
CREATE VIEW ${schema}.readable AS
  SELECT encode(key, 'escape') AS key, octet_length(value) AS octets, encode(substring(value FOR 120), 'escape') AS value_begin
  FROM ${schema}.entry;
COMMENT ON VIEW ${schema}.readable IS 'Entries for human eyes.';
CREATE VIEW ${schema}.usage AS
  SELECT encode(substring(key FOR 1), 'escape') AS key_begin, count(*) AS entries,
    sum(octet_length(key)) AS key_octets, sum(octet_length(value)) AS value_octets
  FROM ${schema}.entry GROUP BY substring(key FOR 1) ORDER BY 4 DESC;
COMMENT ON VIEW ${schema}.usage IS 'How much is kept below the first octet of keys, which names the table. Reads the whole table.';
`;
}

export function functions(schema: string): string {
  return getFunction(schema) + scanFunction(schema) + commitFunction(schema);
}

function getFunction(schema: string): string {
  return `
CREATE OR REPLACE FUNCTION ${schema}.get(wanted bytea[]) RETURNS TABLE (at integer, value bytea)
LANGUAGE plpgsql STABLE ${PLANNER} AS $body$
#variable_conflict use_column
BEGIN${NOT_ON_A_STANDBY}
  RETURN QUERY SELECT w.at::integer, e.value
    FROM unnest(wanted) WITH ORDINALITY AS w (key, at) JOIN ${schema}.entry e ON e.key = w.key;
END $body$;`;
}

/** Rows of a range up to so many entries and octets; a row of nulls at the end tells that there are more. */
function scanFunction(schema: string): string {
  const loop = (value: string, direction: string) => `
    FOR key, value IN SELECT e.key, ${value} FROM ${schema}.entry e
      WHERE e.key >= range_start AND e.key < range_end ORDER BY e.key ${direction} LIMIT wanted
    LOOP
      IF entries >= max_entries OR octets >= max_octets THEN
        key := NULL; value := NULL;
        RETURN NEXT;
        RETURN;
      END IF;
      entries := entries + 1;
      octets := octets + octet_length(key) + octet_length(value);
      RETURN NEXT;
    END LOOP;`;
  return `
CREATE OR REPLACE FUNCTION ${schema}.scan(
  range_start bytea, range_end bytea, backwards boolean, keys_only boolean,
  wanted bigint, max_entries integer, max_octets integer
) RETURNS TABLE (key bytea, value bytea)
LANGUAGE plpgsql STABLE ${PLANNER} AS $body$
DECLARE
  entries integer := 0;
  octets bigint := 0;
BEGIN${NOT_ON_A_STANDBY}
  IF keys_only AND backwards THEN${loop("''::bytea", 'DESC')}
  ELSIF keys_only THEN${loop("''::bytea", 'ASC')}
  ELSIF backwards THEN${loop('e.value', 'DESC')}
  ELSE${loop('e.value', 'ASC')}
  END IF;
END $body$;`;
}

/**
 * Several independent commits in one transaction; returns the numbers of those whose conditions do not hold. First the
 * locks, then the conditions: under READ COMMITTED each statement of the function sees what was committed before it, so
 * also what those did that held the locks until now. The locks come in one order for all, so no two wait for each other.
 */
function commitFunction(schema: string): string {
  return `
CREATE OR REPLACE FUNCTION ${schema}.commit(
  locks integer[], exclusive boolean[],
  condition_of integer[], condition_key bytea[], condition_value bytea[],
  range_start bytea[], range_end bytea[],
  delete_of integer[], delete_key bytea[],
  put_of integer[], put_key bytea[], put_value bytea[],
  lock_timeout_ms integer
) RETURNS integer[]
LANGUAGE plpgsql VOLATILE ${PLANNER} AS $body$
DECLARE
  failed integer[] := '{}';
BEGIN${NOT_ON_A_STANDBY}
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the isolation level is %, not read committed', current_setting('transaction_isolation')
      USING ERRCODE = 'active_sql_transaction';
  END IF;
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  PERFORM set_config('lock_timeout', lock_timeout_ms::text, true);
  PERFORM CASE WHEN l.exclusive
      THEN pg_advisory_xact_lock('${schema}.entry'::regclass::oid::integer, l.lock)
      ELSE pg_advisory_xact_lock_shared('${schema}.entry'::regclass::oid::integer, l.lock) END
    FROM unnest(locks, exclusive) AS l (lock, exclusive);
  IF cardinality(condition_of) > 0 THEN
    SELECT coalesce(array_agg(DISTINCT c.number), '{}') INTO failed
      FROM unnest(condition_of, condition_key, condition_value) AS c (number, key, value)
      LEFT JOIN ${schema}.entry e ON e.key = c.key
      WHERE e.value IS DISTINCT FROM c.value;
  END IF;
  -- Commits with ranges come alone.
  IF cardinality(range_start) > 0 AND failed = '{}' THEN
    DELETE FROM ${schema}.entry e USING unnest(range_start, range_end) AS r (range_start, range_end)
      WHERE e.key >= r.range_start AND e.key < r.range_end;
  END IF;
  IF cardinality(delete_of) > 0 THEN
    DELETE FROM ${schema}.entry e USING unnest(delete_of, delete_key) AS d (number, key)
      WHERE e.key = d.key AND d.number <> ALL (failed);
  END IF;
  IF cardinality(put_of) > 0 THEN
    MERGE INTO ${schema}.entry e
      USING (SELECT p.key, p.value FROM unnest(put_of, put_key, put_value) AS p (number, key, value)
        WHERE p.number <> ALL (failed)) p
      ON e.key = p.key
      WHEN MATCHED THEN UPDATE SET value = p.value
      WHEN NOT MATCHED THEN INSERT (key, value) VALUES (p.key, p.value);
  END IF;
  RETURN failed;
END $body$;`;
}

export interface Statement {
  /** Names the prepared statement. */
  name: string;
  text: string;
}

export function statements(schema: string): Record<'get' | 'scan' | 'commit' | 'check', Statement> {
  return {
    get: { name: 'stoa_get', text: `SELECT at, value FROM ${schema}.get($1::bytea[])` },
    scan: {
      name: 'stoa_scan',
      text: `SELECT key, value FROM ${schema}.scan($1::bytea, $2::bytea, $3::boolean, $4::boolean, $5::bigint, $6::integer, $7::integer)`,
    },
    commit: {
      name: 'stoa_commit',
      text:
        `SELECT ${schema}.commit($1::integer[], $2::boolean[], $3::integer[], $4::bytea[], $5::bytea[], ` +
        '$6::bytea[], $7::bytea[], $8::integer[], $9::bytea[], $10::integer[], $11::bytea[], $12::bytea[], $13::integer)',
    },
    check: { name: 'stoa_check', text: `SELECT 1 FROM ${schema}.get('{}')` },
  };
}
