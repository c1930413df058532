import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { SearchDocument, SearchField, SearchMatch, SearchScope, SearchTerm } from '@stoa/plugin-sdk';
import { fold, trigramsOf } from './fold.ts';

export const FORMAT_VERSION = 1;

const FIELDS: readonly SearchField[] = ['subject', 'from', 'to', 'cc', 'bcc', 'headers', 'body'];

/** Columns carry a mark, since some fields are words of SQL. */
const COLUMNS = FIELDS.map((field) => `f_${field}`);

/** A document's row id is the number of its scope and its UID side by side: a scope is one range of rows. */
const UIDS = 2n ** 32n;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS scope (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    mailbox INTEGER NOT NULL,
    indexed_to INTEGER NOT NULL,
    UNIQUE (account, mailbox)
  );
  CREATE VIRTUAL TABLE IF NOT EXISTS document USING fts5 (
    ${COLUMNS.join(', ')},
    content = '', contentless_delete = 1, detail = column, tokenize = 'trigram case_sensitive 1'
  );
  PRAGMA user_version = ${FORMAT_VERSION};
`;

/** One file of the index. */
export class IndexDatabase {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#db = new DatabaseSync(path, { timeout: 30_000 });
    try {
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
      const version = Number(this.#get('PRAGMA user_version')?.['user_version']);
      if (version > FORMAT_VERSION) throw new Error(`${path} has format ${version}, which is newer than this version`);
      if (version === 0) this.#transaction(() => this.#db.exec(SCHEMA));
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** Documents and the mark of how far it is indexed are one transaction: the mark never says too much. */
  index(scope: SearchScope, documents: readonly SearchDocument[], indexedToUid: number): void {
    const names = COLUMNS.join(', ');
    const insert = `INSERT INTO document (rowid, ${names}) VALUES (?, ${COLUMNS.map(() => '?').join(', ')})`;
    this.#transaction(() => {
      this.#run(
        `INSERT INTO scope (account, mailbox, indexed_to) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET indexed_to = max(indexed_to, excluded.indexed_to)`,
        scope.accountId,
        scope.mailboxId,
        indexedToUid,
      );
      const first = this.#firstRow(scope)!;
      for (const { uid, fields } of documents) {
        const row = first + BigInt(uid);
        this.#run('DELETE FROM document WHERE rowid = ?', row);
        this.#run(insert, row, ...FIELDS.map((field) => fold((fields[field] ?? '').toWellFormed())));
      }
    });
  }

  remove(scope: { accountId: string; mailboxId?: number | undefined }, uids: readonly number[] | undefined): void {
    this.#transaction(() => {
      const { accountId, mailboxId } = scope;
      const scopes =
        mailboxId === undefined
          ? this.#all('SELECT id FROM scope WHERE account = ?', accountId)
          : this.#all('SELECT id FROM scope WHERE account = ? AND mailbox = ?', accountId, mailboxId);
      for (const { id } of scopes) {
        const first = BigInt(id as number) * UIDS;
        if (uids !== undefined) {
          for (const uid of uids) this.#run('DELETE FROM document WHERE rowid = ?', first + BigInt(uid));
          continue;
        }
        this.#run('DELETE FROM document WHERE rowid >= ? AND rowid < ?', first, first + UIDS);
        this.#run('DELETE FROM scope WHERE id = ?', id as number);
      }
    });
  }

  query(scope: SearchScope, terms: readonly SearchTerm[]): SearchMatch[] {
    const first = this.#firstRow(scope);
    return terms.map(({ fields, text }) => {
      const trigrams = fields.length > 0 ? trigramsOf(text) : undefined;
      if (trigrams === undefined) return { narrowed: false, uids: new Uint32Array(0) };
      if (first === undefined) return { narrowed: true, uids: new Uint32Array(0) };
      const columns = fields.map((field) => COLUMNS[FIELDS.indexOf(field)]).join(' ');
      const all = trigrams.map((trigram) => `"${trigram.replaceAll('"', '""')}"`).join(' AND ');
      const rows = this.#all(
        `SELECT rowid - ? AS uid FROM document WHERE document MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid`,
        first,
        `{${columns}} : (${all})`,
        first,
        first + UIDS,
      );
      return { narrowed: true, uids: Uint32Array.from(rows, ({ uid }) => uid as number) };
    });
  }

  indexedToUid(scope: SearchScope): number {
    const sql = 'SELECT indexed_to FROM scope WHERE account = ? AND mailbox = ?';
    return Number(this.#get(sql, scope.accountId, scope.mailboxId)?.['indexed_to'] ?? 0);
  }

  check(): void {
    this.#get('SELECT 1');
  }

  close(): void {
    this.#db.close();
  }

  #firstRow({ accountId, mailboxId }: SearchScope): bigint | undefined {
    const found = this.#get('SELECT id FROM scope WHERE account = ? AND mailbox = ?', accountId, mailboxId);
    return found === undefined ? undefined : BigInt(found['id'] as number) * UIDS;
  }

  #transaction(work: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #run(sql: string, ...values: (string | number | bigint)[]): void {
    this.#prepare(sql).run(...values);
  }

  #get(sql: string, ...values: (string | number | bigint)[]): Record<string, unknown> | undefined {
    return this.#prepare(sql).get(...values);
  }

  #all(sql: string, ...values: (string | number | bigint)[]): Record<string, unknown>[] {
    return this.#prepare(sql).all(...values);
  }
}
