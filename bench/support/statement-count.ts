import type { PostgresServer } from '@stoa/test-servers';

/** Lines for postgresql.conf of a server whose statements are counted. */
export const COUNTING = ["shared_preload_libraries = 'pg_stat_statements'"];

/** Statements that clients sent, by what the driver calls them: each is one round trip. */
export interface Statements {
  commit: number;
  get: number;
  scan: number;
  other: number;
}

const KINDS = ['commit', 'get', 'scan', 'other'] as const;

/** `get` without its type is the check whether the server is there. */
const QUERY = `
  SELECT ${KINDS.map((kind) => `coalesce(sum(calls) FILTER (WHERE kind = '${kind}'), 0)`).join(', ')} FROM (
    SELECT calls, coalesce(substring(query FROM 'stoa\\.(commit|scan|get)\\(\\$\\d+::'), 'other') AS kind
    FROM pg_stat_statements WHERE query !~ 'pg_stat_statements') AS counted`;

/** Counts the statements of every client, by pg_stat_statements. */
export class StatementCount {
  readonly #server: PostgresServer;

  constructor(server: PostgresServer) {
    this.#server = server;
    server.sql('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  }

  /** What is sent while the work goes on. */
  async during(work: () => Promise<void>): Promise<Statements> {
    this.#server.sql('SELECT pg_stat_statements_reset()');
    await work();
    const counts = this.#server.sql(QUERY).split('|').map(Number);
    return Object.fromEntries(KINDS.map((kind, i) => [kind, counts[i] ?? 0])) as unknown as Statements;
  }
}

export function sum(statements: Statements): number {
  return KINDS.reduce((total, kind) => total + statements[kind], 0);
}

/** "1.0 commit, 0.2 get", each divided by the number of times that the work was done. */
export function describeStatements(statements: Statements, times: number): string {
  const parts = KINDS.filter((kind) => statements[kind] / times >= 0.005);
  return parts.length === 0
    ? 'none'
    : parts.map((kind) => `${(statements[kind] / times).toFixed(2)} ${kind}`).join(', ');
}
