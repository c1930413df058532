import { type DriverLogger, hasCode, isStoaError, StoaError } from '@stoa/plugin-sdk';
import pg from 'pg';
import { breaksConnection, fromPostgres, isLostStatement, isStandby, messageOf } from './errors.ts';
import type { Statement } from './sql.ts';

export interface DatabaseOptions {
  readonly connection: pg.ClientConfig;
  readonly poolSize: number;
  readonly scanConnections: number;
  readonly statementTimeoutMs: number;
  readonly prepare: boolean;
  readonly logger: DriverLogger;
}

export type Row = (string | null)[];
type Value = Buffer | string | number | boolean;

/** How long the answer of a statement may be overdue before its connection counts as dead. */
const GRACE_MS = 1000;
/** A server that is gone without a word never says good-bye. */
const CLOSE_MS = 5000;

/** Values as the server prints them: they are read here, not by pg's guess at types. */
const types = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;

/** Two pools of connections: one for statements that end by themselves, one for scans that hold a snapshot. */
export class Database {
  readonly #options: DatabaseOptions;
  #statements: pg.Pool;
  #scans: pg.Pool;
  #prepare: boolean;
  #closed = false;
  /** For the log: that the server is lost is said once, and that it is back. */
  #lost = false;
  readonly #ending = new Set<Promise<void>>();

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#prepare = options.prepare;
    this.#statements = this.#makePool(options.poolSize);
    this.#scans = this.#makePool(options.scanConnections);
  }

  /** A statement that may be made twice: once more where a connection broke that may have been dead before. */
  async read(statement: Statement, values: Value[]): Promise<Row[]> {
    try {
      return await this.#run(statement, values);
    } catch (error) {
      if (isStoaError(error) || !breaksConnection(error)) throw fromPostgres(error);
    }
    try {
      return await this.#run(statement, values);
    } catch (error) {
      throw fromPostgres(error);
    }
  }

  /** A statement that is made once; rejects with the error of pg, or a StoaError where it was not sent. */
  write(statement: Statement, values: Value[]): Promise<Row[]> {
    return this.#run(statement, values);
  }

  async #run(statement: Statement, values: Value[]): Promise<Row[]> {
    const client = await this.#connect(this.#statements);
    let broken = false;
    try {
      return await this.#query(client, statement, values);
    } catch (error) {
      broken = breaksConnection(error);
      throw error;
    } finally {
      this.#release(client, broken);
    }
  }

  /** A transaction that reads one snapshot; ended with `endScan`. Rejects with a StoaError. */
  async beginScan(idleTimeoutMs: number): Promise<pg.PoolClient> {
    let client: pg.PoolClient | undefined;
    try {
      client = await this.#connect(this.#scans);
      const timeout = Math.ceil(idleTimeoutMs);
      await this.#query(client, {
        text:
          'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ' +
          `SET LOCAL idle_in_transaction_session_timeout = ${timeout}`,
      });
      return client;
    } catch (error) {
      if (client !== undefined) this.#release(client, true);
      throw fromPostgres(error);
    }
  }

  async readInScan(client: pg.PoolClient, statement: Statement, values: Value[]): Promise<Row[]> {
    try {
      // By name, a pooler that does not know it would fail the transaction.
      return await this.#query(client, { text: statement.text }, values);
    } catch (error) {
      throw fromPostgres(error);
    }
  }

  /** Gives the connection back; nobody need wait for it. */
  async endScan(client: pg.PoolClient, failed: boolean): Promise<void> {
    if (failed) {
      this.#release(client, true);
      return;
    }
    try {
      await this.#query(client, { text: 'COMMIT' });
      this.#release(client, false);
    } catch {
      this.#release(client, true);
    }
  }

  /** What waits for a connection is refused, what runs ends; resolves when all connections are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#retire(this.#statements);
    this.#retire(this.#scans);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([Promise.all(this.#ending), late]);
    clearTimeout(timer);
  }

  async #connect(pool: pg.Pool): Promise<pg.PoolClient> {
    if (this.#closed) throw new StoaError('unavailable', 'the data store is closed', { retryable: false });
    try {
      const client = await pool.connect();
      client.on('error', ignore);
      return client;
    } catch (error) {
      const busy = !this.#lost && (error as Error).message === 'timeout exceeded when trying to connect';
      if (!busy || (pool !== this.#scans && pool !== this.#statements)) {
        this.#noteLoss(error);
        // Whatever it is, a password file that is being replaced too, it was right when the store was opened.
        throw new StoaError('unavailable', fromPostgres(error).message, { cause: error });
      }
      const key = pool === this.#scans ? 'scan-connections' : 'pool-size';
      throw new StoaError('resource-exhausted', `all connections to PostgreSQL are busy ("${key}")`, { cause: error });
    }
  }

  async #query(client: pg.PoolClient, statement: Partial<Statement>, values?: Value[]): Promise<Row[]> {
    const { name, text } = statement;
    const query = { text: text as string, ...(values && { values }), rowMode: 'array' as const, types };
    const named = this.#prepare && name !== undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(overdue()), this.#options.statementTimeoutMs + GRACE_MS);
    });
    const send = async (named: boolean) => {
      const result = await Promise.race([client.query<Row>(named ? { ...query, name: name as string } : query), late]);
      this.#noteSuccess();
      return result.rows;
    };
    try {
      return await send(named);
    } catch (error) {
      if (named && isLostStatement(error)) {
        // There is a pooler between after all. The statement did not begin, so it may be sent again.
        this.#prepare = false;
        return await send(false);
      }
      // The other connections lead to the same server.
      if (isStandby(error) || hasCode(error, 'deadline-exceeded')) this.#renew();
      if (breaksConnection(error)) this.#noteLoss(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #release(client: pg.PoolClient, broken: boolean): void {
    client.removeListener('error', ignore);
    client.release(broken);
  }

  #renew(): void {
    if (this.#closed) return;
    this.#retire(this.#statements);
    this.#retire(this.#scans);
    this.#statements = this.#makePool(this.#options.poolSize);
    this.#scans = this.#makePool(this.#options.scanConnections);
  }

  #noteLoss(error: unknown): void {
    if (this.#lost || this.#closed) return;
    this.#lost = true;
    this.#options.logger.warn({ error: messageOf(error) }, 'a connection to PostgreSQL is lost');
  }

  #noteSuccess(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.#options.logger.info({}, 'PostgreSQL answers again');
  }

  /** Its connections close as they become free. */
  #retire(pool: pg.Pool): void {
    const ending = pool.end().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #makePool(max: number): pg.Pool {
    const pool = new pg.Pool({ ...this.#options.connection, max, idleTimeoutMillis: 30_000 });
    pool.on('error', (error) => this.#noteLoss(error));
    return pool;
  }
}

/** What breaks a connection in use is told by the statement that runs on it. */
function ignore(): void {}

function overdue(): StoaError {
  return new StoaError('deadline-exceeded', 'PostgreSQL did not answer in time');
}
