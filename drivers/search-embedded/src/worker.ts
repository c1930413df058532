import { createHash } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { IndexDatabase } from './database.ts';
import type { Envelope, Reply, Request, WorkerData } from './protocol.ts';

/** The thread that does the work of SQLite, so that the event loop of the server is never held. */

const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

const port = parentPort!;
const { folder, files } = workerData as WorkerData;
const databases = new Map<number, IndexDatabase>();

port.on('message', ({ id, request }: Envelope) => {
  try {
    post({ id, value: answer(request) });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    post({ id, error: { message, sqliteCode: sqliteCode(error) } });
  }
});

function answer(request: Request): unknown {
  if (request.type === 'check') {
    for (const database of databases.values()) database.check();
    return undefined;
  }
  if (request.type === 'reopen') return forget(request.file);
  const file = fileOf(request.scope.accountId);
  try {
    return apply(open(file), request);
  } catch (error) {
    if (!isDamage(error)) throw error;
    putAside(file);
    return apply(open(file), request);
  }
}

function apply(database: IndexDatabase, request: Extract<Request, { scope: unknown }>): unknown {
  switch (request.type) {
    case 'index':
      return database.index(request.scope, request.documents, request.indexedToUid);
    case 'remove':
      return database.remove(request.scope, request.uids);
    case 'query':
      return database.query(request.scope, request.terms);
    case 'indexedToUid':
      return database.indexedToUid(request.scope);
  }
}

function fileOf(accountId: string): number {
  return createHash('sha256').update(accountId).digest().readUInt32BE(0) % files;
}

function pathOf(file: number): string {
  return join(folder, `${String(file).padStart(3, '0')}.sqlite`);
}

function open(file: number): IndexDatabase {
  let database = databases.get(file);
  if (database === undefined) {
    database = new IndexDatabase(pathOf(file));
    databases.set(file, database);
  }
  return database;
}

/** The index is made from the messages, so a damaged file is replaced by an empty one, which is filled again. */
function putAside(file: number): void {
  forget(file);
  const path = pathOf(file);
  const aside = `${path}.damaged-${Date.now()}`;
  if (existsSync(path)) renameSync(path, aside);
  for (const suffix of ['-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  post({ replaced: file, aside });
}

function forget(file: number): void {
  databases.get(file)?.close();
  databases.delete(file);
}

function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

/** The primary result code; the upper bits tell more than is needed here. */
function sqliteCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

function post(reply: Reply): void {
  port.postMessage(reply);
}
