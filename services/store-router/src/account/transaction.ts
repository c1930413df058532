import { CHUNK_SIZE, chunkOfUid, firstUidOfChunk, IndexChunk, type NumberSet, overlapsRange } from '@stoa/mail';
import { type DataCondition, type DataMutation, StoaError } from '@stoa/plugin-sdk';
import { lastNumber } from '../keys.ts';
import type { AccountCache } from './cache.ts';
import type { MailboxList } from './mailbox-list.ts';
import {
  type AccountState,
  decodeMailboxStatus,
  encodeMailbox,
  encodeMailboxStatus,
  encodeVanished,
  type Mailbox,
  type MailboxStatus,
} from './rows.ts';
import type { AccountView } from './view.ts';

/** Entries of `MailboxStatus.recentChunks` that are kept. */
const RECENT_CHUNKS = 64;
/** A read of chunks asks for single keys up to this many, and scans the range beyond. */
const SCAN_CHUNKS_FROM = 128;

/** Bounds of what a packed chunk takes: its key and frame, and each message. */
const CHUNK_OVERHEAD = 90;
const ROW_BYTES = 32;
const STATUS_BYTES = 4096;

interface Row {
  key: Uint8Array;
  /** undefined: the row is deleted. */
  value: Uint8Array | undefined;
}

/** Row keys as strings, for maps. */
function rowName(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

/** Changes on top of a view (or of other changes) that are not committed yet. */
export class Changes {
  state: AccountState;
  list: MailboxList;
  readonly statuses = new Map<number, MailboxStatus | null>();
  readonly chunks = new Map<number, Map<number, IndexChunk | null>>();
  readonly rows = new Map<string, Row>();
  readonly conditions: DataCondition[] = [];
  #rowBytes = 0;

  constructor(state: AccountState, list: MailboxList) {
    this.state = state;
    this.list = list;
  }

  /** Rows that a commit of these changes writes; at most, since some may be the same. */
  get mutations(): number {
    let count = 1 + this.rows.size + this.statuses.size;
    for (const chunks of this.chunks.values()) count += chunks.size;
    return count;
  }

  /** Octets that a commit of these changes has, roughly and rather too many. */
  get bytes(): number {
    let bytes = this.#rowBytes;
    for (const chunks of this.chunks.values()) {
      for (const chunk of chunks.values()) bytes += CHUNK_OVERHEAD + (chunk?.count ?? 0) * ROW_BYTES;
    }
    return bytes + this.statuses.size * STATUS_BYTES;
  }

  setRow(key: Uint8Array, value: Uint8Array | undefined): void {
    this.#rowBytes += key.length + (value?.length ?? 0);
    this.rows.set(rowName(key), { key, value });
  }

  /** Takes over the changes of an operation that succeeded. */
  absorb(other: Changes): void {
    this.state = other.state;
    this.list = other.list;
    for (const [id, status] of other.statuses) this.statuses.set(id, status);
    for (const [id, chunks] of other.chunks) {
      const own = this.chunks.get(id);
      if (own === undefined) this.chunks.set(id, chunks);
      else for (const [number, chunk] of chunks) own.set(number, chunk);
    }
    for (const [name, row] of other.rows) this.rows.set(name, row);
    this.#rowBytes += other.#rowBytes;
    this.conditions.push(...other.conditions);
  }
}

/** UIDVALIDITY, times and \Recent that transactions need from outside. */
export interface TransactionEnvironment {
  now(): number;
  /** UID up to which (not included) a session of this router has taken the \Recent messages. */
  recentClaim(accountId: string, mailboxId: number): number;
}

/**
 * One operation on an account: reads through the changes of the operations before it in the same commit, and collects its
 * own. It may be run several times; what it does must depend on what it reads here alone.
 */
export class AccountTransaction {
  readonly view: AccountView;
  readonly environment: TransactionEnvironment;
  /** 0 at the first run. From the second run on, conditions that the operation relies on are to be read, not assumed. */
  readonly attempt: number;
  readonly #cache: AccountCache;
  readonly #before: Changes;
  readonly #own: Changes;
  readonly #quiet = new Set<number>();
  #modseq = 0;

  constructor(
    cache: AccountCache,
    view: AccountView,
    before: Changes,
    attempt: number,
    environment: TransactionEnvironment,
  ) {
    this.#cache = cache;
    this.view = view;
    this.#before = before;
    this.#own = new Changes(before.state, before.list);
    this.attempt = attempt;
    this.environment = environment;
  }

  get accountId(): string {
    return this.view.keys.accountId;
  }

  get keys(): AccountView['keys'] {
    return this.view.keys;
  }

  get state(): AccountState {
    return this.#own.state;
  }

  get list(): MailboxList {
    return this.#own.list;
  }

  /** Whether the operation changes anything. */
  get writes(): boolean {
    return this.#modseq !== 0;
  }

  /** MODSEQ of this operation; asking for it makes it a change. */
  get modseq(): number {
    if (this.#modseq === 0) {
      this.#modseq = this.#own.state.lastModseq + 1;
      this.#own.state = { ...this.#own.state, lastModseq: this.#modseq };
    }
    return this.#modseq;
  }

  updateState(patch: Partial<Omit<AccountState, 'lastModseq' | 'nonces'>>): void {
    void this.modseq;
    this.#own.state = { ...this.#own.state, ...patch };
  }

  /** Rejects with `not-found`. */
  mailbox(id: number): Mailbox {
    const mailbox = this.list.mailboxes.get(id);
    if (mailbox === undefined) throw new StoaError('not-found', 'no such mailbox');
    return mailbox;
  }

  /** Rejects with `not-found`. */
  mailboxNamed(name: string): Mailbox {
    const mailbox = this.list.named(name);
    if (mailbox === undefined) throw new StoaError('not-found', 'no such mailbox');
    return mailbox;
  }

  setList(list: MailboxList): void {
    this.updateState({ listModseq: this.modseq });
    this.#own.list = list;
  }

  putMailbox(mailbox: Mailbox): void {
    this.setList(this.list.withMailbox(mailbox));
    this.put(this.keys.mailbox(mailbox.id), encodeMailbox(mailbox));
  }

  /** Takes the mailbox out of sight; its messages are for the purge. */
  removeMailbox(id: number): void {
    this.setList(this.list.withoutMailbox(id));
    this.#own.statuses.set(id, null);
    this.delete(this.keys.mailbox(id));
    this.put(this.keys.tombstone(id), Uint8Array.of(1));
  }

  async status(mailboxId: number): Promise<MailboxStatus> {
    let status = this.#own.statuses.get(mailboxId);
    if (status === undefined) status = this.#before.statuses.get(mailboxId);
    if (status === undefined) status = this.view.status(mailboxId) ?? (await this.#readStatus(mailboxId));
    if (status === null) throw new StoaError('not-found', 'no such mailbox');
    return status;
  }

  async #readStatus(mailboxId: number): Promise<MailboxStatus | null> {
    const [bytes] = await this.#cache.read(this.view, [this.keys.mailboxState(mailboxId)]);
    if (bytes === undefined) return null;
    const status = decodeMailboxStatus(bytes);
    this.view.setStatus(mailboxId, status);
    return status;
  }

  /** Stores the status as part of this operation. `highestModseq` and the list of changed chunks are kept by `finish`. */
  setStatus(mailboxId: number, status: MailboxStatus): void {
    void this.modseq;
    this.#quiet.delete(mailboxId);
    this.#own.statuses.set(mailboxId, status);
  }

  /** Stores the status without telling it as a change of the mailbox: what changes is of no concern to clients. */
  setStatusQuietly(mailboxId: number, status: MailboxStatus): void {
    this.setStatus(mailboxId, status);
    this.#quiet.add(mailboxId);
  }

  #overlaidChunk(mailboxId: number, number: number): IndexChunk | null | undefined {
    const own = this.#own.chunks.get(mailboxId)?.get(number);
    return own !== undefined ? own : this.#before.chunks.get(mailboxId)?.get(number);
  }

  #knownChunk(mailboxId: number, number: number): IndexChunk | null | undefined {
    const chunk = this.#overlaidChunk(mailboxId, number);
    return chunk !== undefined ? chunk : this.view.chunk(mailboxId, number);
  }

  async chunk(mailboxId: number, number: number): Promise<IndexChunk | undefined> {
    const known = this.#knownChunk(mailboxId, number);
    if (known !== undefined) return known ?? undefined;
    const [bytes] = await this.#cache.read(this.view, [this.keys.chunk(mailboxId, number)]);
    const chunk = bytes === undefined ? null : IndexChunk.decode(bytes);
    this.view.setChunk(mailboxId, number, chunk);
    return chunk ?? undefined;
  }

  /** The chunks that hold any UID of the set, ascending; `uidNext` bounds it. */
  async chunksOf(mailboxId: number, uids: NumberSet, uidNext: number): Promise<IndexChunk[]> {
    const numbers = chunkNumbers(uids, uidNext, SCAN_CHUNKS_FROM);
    if (numbers !== undefined) return this.#readChunks(mailboxId, numbers);
    const first = chunkOfUid(uids[0]!);
    const last = chunkOfUid(Math.min(uids.at(-1)!, uidNext - 1));
    // The scan is not bound to the guard as single reads are. A change in between makes the commit fail, and the
    // operation runs again.
    const found = new Map<number, IndexChunk>();
    for await (const batch of this.#cache.store.scan(this.keys.chunks(mailboxId, first, last))) {
      for (const { key, value } of batch) found.set(lastNumber(key), IndexChunk.decode(value));
    }
    for (const changes of [this.#before, this.#own]) {
      for (const [number, chunk] of changes.chunks.get(mailboxId) ?? []) {
        if (number < first || number > last) continue;
        if (chunk === null) found.delete(number);
        else found.set(number, chunk);
      }
    }
    const chunks = [...found.values()].sort((a, b) => a.number - b.number);
    return chunks.filter((chunk) => {
      const start = firstUidOfChunk(chunk.number);
      return overlapsRange(uids, start, start + CHUNK_SIZE - 1);
    });
  }

  async #readChunks(mailboxId: number, numbers: readonly number[]): Promise<IndexChunk[]> {
    // What is known is taken before anything is read: a view that grows lets go of chunks, maybe of these.
    const found = new Map<number, IndexChunk | null>();
    const missing: number[] = [];
    for (const number of numbers) {
      const known = this.#knownChunk(mailboxId, number);
      if (known === undefined) missing.push(number);
      else found.set(number, known);
    }
    if (missing.length > 0) {
      const rows = await this.#cache.read(
        this.view,
        missing.map((number) => this.keys.chunk(mailboxId, number)),
      );
      for (let i = 0; i < missing.length; i++) {
        const bytes = rows[i];
        const chunk = bytes === undefined ? null : IndexChunk.decode(bytes);
        found.set(missing[i]!, chunk);
        this.view.setChunk(mailboxId, missing[i]!, chunk);
      }
    }
    const chunks: IndexChunk[] = [];
    for (const number of numbers) {
      const chunk = found.get(number);
      if (chunk) chunks.push(chunk);
    }
    return chunks;
  }

  setChunk(mailboxId: number, number: number, chunk: IndexChunk | undefined): void {
    void this.modseq;
    let chunks = this.#own.chunks.get(mailboxId);
    if (chunks === undefined) {
      chunks = new Map();
      this.#own.chunks.set(mailboxId, chunks);
    }
    chunks.set(number, chunk ?? null);
  }

  /** Reads rows other than those above, such as message rows, through the changes of earlier operations. */
  async rows(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const missing: Uint8Array[] = [];
    const found = keys.map((key) => {
      const name = rowName(key);
      const row = this.#own.rows.get(name) ?? this.#before.rows.get(name);
      if (row === undefined) missing.push(key);
      return row;
    });
    const read = missing.length > 0 ? await this.#cache.read(this.view, missing) : [];
    let next = 0;
    return found.map((row) => (row === undefined ? read[next++] : row.value));
  }

  put(key: Uint8Array, value: Uint8Array): void {
    void this.modseq;
    this.#own.setRow(key, value);
  }

  delete(key: Uint8Array): void {
    void this.modseq;
    this.#own.setRow(key, undefined);
  }

  /** Mutations that another component made, such as those of a blob that is stored in this commit. Ranges are for no account. */
  apply(mutations: readonly DataMutation[]): void {
    for (const mutation of mutations) {
      if (mutation.type === 'put') this.put(mutation.key, mutation.value);
      else if (mutation.type === 'delete') this.delete(mutation.key);
      else throw new StoaError('invalid-argument', 'an operation of an account deletes no ranges');
    }
  }

  /** The commit takes place only if the row has this value, or (undefined) is absent. */
  require(key: Uint8Array, equals: Uint8Array | undefined): void {
    const earlier = this.#before.rows.get(rowName(key));
    if (earlier === undefined) {
      this.#own.conditions.push({ key, equals });
      return;
    }
    // An operation before this one in the same commit changes the row; conditions are about the time before the commit.
    const same =
      equals === undefined
        ? earlier.value === undefined
        : earlier.value !== undefined && Buffer.compare(earlier.value, equals) === 0;
    if (!same) throw new RequirementFailed();
  }

  /** Writes the removal of messages down in the change log. */
  async recordVanished(mailboxId: number, uids: NumberSet): Promise<void> {
    const status = await this.status(mailboxId);
    const entry = { at: this.environment.now(), uids };
    this.put(this.keys.log(mailboxId, this.modseq), encodeVanished(entry));
    this.setStatus(mailboxId, { ...status, lastVanished: this.modseq });
  }

  /** The operation's changes, completed: what follows from them by itself is added. */
  async finish(): Promise<Changes> {
    for (const [mailboxId, chunks] of this.#own.chunks) {
      if (this.#own.statuses.get(mailboxId) === null) continue;
      const status = await this.status(mailboxId);
      this.#own.statuses.set(mailboxId, { ...status, ...noteChunks(status, chunks.keys(), this.modseq) });
    }
    for (const [mailboxId, status] of this.#own.statuses) {
      if (status === null) continue;
      const claimed = Math.min(this.environment.recentClaim(this.accountId, mailboxId), status.uidNext);
      const recentFrom = Math.max(status.recentFrom, claimed);
      const highestModseq = this.#quiet.has(mailboxId) ? status.highestModseq : this.modseq;
      this.#own.statuses.set(mailboxId, { ...status, highestModseq, recentFrom });
    }
    return this.#own;
  }
}

/** An operation's condition contradicts what an operation before it in the same commit does; it is run in the next one. */
export class RequirementFailed extends Error {}

function noteChunks(
  status: MailboxStatus,
  numbers: Iterable<number>,
  modseq: number,
): Pick<MailboxStatus, 'recentChunks' | 'recentFloor'> {
  const fresh = new Set(numbers);
  if (fresh.size > RECENT_CHUNKS) return { recentChunks: [], recentFloor: modseq };
  const recentChunks: number[] = [];
  for (let i = 0; i < status.recentChunks.length; i += 2) {
    if (!fresh.has(status.recentChunks[i]!)) recentChunks.push(status.recentChunks[i]!, status.recentChunks[i + 1]!);
  }
  for (const number of fresh) recentChunks.push(number, modseq);
  let recentFloor = status.recentFloor;
  const excess = recentChunks.length - RECENT_CHUNKS * 2;
  if (excess > 0) recentFloor = recentChunks.splice(0, excess).at(-1)!;
  return { recentChunks, recentFloor };
}

/** Numbers of the chunks that may hold UIDs of the set; undefined when they are more than `limit`. */
function chunkNumbers(uids: NumberSet, uidNext: number, limit: number): number[] | undefined {
  const numbers: number[] = [];
  for (let i = 0; i + 1 < uids.length && uids[i]! < uidNext; i += 2) {
    const last = chunkOfUid(Math.min(uids[i + 1]!, uidNext - 1));
    for (let number = chunkOfUid(uids[i]!); number <= last; number++) {
      if (numbers.at(-1) === number) continue;
      if (numbers.length === limit) return undefined;
      numbers.push(number);
    }
  }
  return numbers;
}

/** The mutations of all changes, each row encoded once. */
export function mutationsOf(changes: Changes, view: AccountView) {
  const mutations: ({ type: 'put'; key: Uint8Array; value: Uint8Array } | { type: 'delete'; key: Uint8Array })[] = [];
  const write = (key: Uint8Array, value: Uint8Array | undefined) => {
    mutations.push(value === undefined ? { type: 'delete', key } : { type: 'put', key, value });
  };
  for (const [mailboxId, status] of changes.statuses) {
    write(view.keys.mailboxState(mailboxId), status === null ? undefined : encodeMailboxStatus(status));
  }
  for (const [mailboxId, chunks] of changes.chunks) {
    for (const [number, chunk] of chunks) write(view.keys.chunk(mailboxId, number), chunk?.packed);
  }
  for (const { key, value } of changes.rows.values()) write(key, value);
  return mutations;
}
