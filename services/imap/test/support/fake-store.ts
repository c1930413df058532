import { createHash } from 'node:crypto';
import type { Client, storage } from '@stoa/contracts';
import {
  appendRows,
  chunkOfUid,
  encodeStructure,
  IndexChunk,
  includesNumber,
  MailboxSnapshot,
  parseCommand,
  parseMessage,
} from '@stoa/mail';
import type { ErrorCode } from '@stoa/plugin-sdk';
import { MailboxFeed } from '../../src/mailbox-feed.ts';
import { SelectedMailbox } from '../../src/selected-mailbox.ts';
import type { CommandContext, ResponseWriter, SessionOptions } from '../../src/session-types.ts';

/** A message in the mailbox. */
export interface FakeMessage {
  uid: number;
  raw: Buffer;
  /** Flag words as in the index. */
  flags?: number;
  keywordsHigh?: number;
  /** Internal date in seconds. */
  seconds?: number;
  modseq?: number;
}

type StoreMessage = Required<FakeMessage>;
type Mail = Client<typeof storage.MailServiceDefinition>;
type Blobs = Client<typeof storage.BlobServiceDefinition>;

/** What goes wrong with a message's body. */
export interface Breakage {
  code: ErrorCode;
  /** Octets of each range that still come. */
  after: number;
}

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Records of one reply to FetchMessages. */
const RECORDS_PER_PAGE = 3;

/** One mailbox with its messages, and a session on it, without a network and a store. */
export class FakeStore {
  readonly messages: StoreMessage[];
  readonly keywords: readonly string[];
  readonly broken = new Map<number, Breakage>();
  /** Names of the calls that were made. */
  readonly calls: string[] = [];
  /** UIDs that are gone from the store, though the session does not know it. */
  readonly gone = new Set<number>();
  /** Sizes of the pieces in which bodies come, used in turn. */
  pieces: readonly number[] = [64 * 1024];
  /** Pieces that come together in one response, where they are asked for so; 1: the store does not know of that. */
  together = 1;
  searchText: (request: storage.SearchTextRequest) => storage.SearchTextResponse = () => {
    throw new Error('no full-text index in this test');
  };
  /** Octets of bodies that were read. */
  octetsRead = 0;
  readonly #modseq: number;

  constructor(messages: readonly FakeMessage[], keywords: readonly string[] = []) {
    this.messages = messages.map((message, index) => ({
      flags: 0,
      keywordsHigh: 0,
      seconds: 1_700_000_000 + index,
      modseq: index + 1,
      ...message,
    }));
    this.keywords = keywords;
    this.#modseq = Math.max(1, ...this.messages.map(({ modseq }) => modseq));
  }

  get snapshot(): MailboxSnapshot {
    const chunks: IndexChunk[] = [];
    for (const { uid, raw, flags, keywordsHigh, seconds, modseq } of this.messages) {
      const before = chunks.at(-1)?.number === chunkOfUid(uid) ? chunks.pop() : undefined;
      const chunk = appendRows(before, [{ uid, flags, keywordsHigh, size: raw.length, seconds }], modseq);
      // Here a message that was changed last may stand before others.
      chunks.push(IndexChunk.of(chunk.number, Math.max(before?.maxModseq ?? 0, modseq), chunk));
    }
    return new MailboxSnapshot(chunks);
  }

  state(highestModseq = this.#modseq): storage.MailboxState {
    return {
      mailboxId: 7,
      name: 'INBOX',
      uidValidity: 1,
      uidNext: (this.messages.at(-1)?.uid ?? 0) + 1,
      highestModseq,
      messages: this.messages.length,
      unseen: 0,
      deleted: 0,
      size: 0,
      keywords: [...this.keywords],
      specialUse: [],
      recentFrom: 1,
      firstUnseenUid: 0,
      objectId: 'm7',
    };
  }

  get mail(): Mail {
    const partial: Partial<Mail> = {
      fetchMessages: (request) => this.#fetch(request.uids?.bounds ?? []),
      storeFlags: async (request) => this.#storeFlags(request),
      searchText: async (request) => {
        this.calls.push('searchText');
        return this.searchText(request as storage.SearchTextRequest);
      },
    };
    return partial as Mail;
  }

  async *#fetch(bounds: readonly number[]): AsyncGenerator<storage.FetchMessagesResponse> {
    this.calls.push('fetchMessages');
    const records = this.messages
      .filter(({ uid }) => includesNumber(bounds, uid) && !this.gone.has(uid))
      .map((message) => this.#record(message));
    for (let at = 0; at < records.length; at += RECORDS_PER_PAGE)
      yield { messages: records.slice(at, at + RECORDS_PER_PAGE) };
  }

  #record({ uid, raw, seconds }: StoreMessage): storage.MessageRecord {
    return {
      uid,
      blobId: blobIdOf(uid, raw),
      size: raw.length,
      internalDate: seconds * 1000,
      structure: encodeStructure(parseMessage(raw)),
      saveDate: 0,
    };
  }

  #storeFlags(request: Parameters<Mail['storeFlags']>[0]): storage.StoreFlagsResponse {
    this.calls.push('storeFlags');
    const modseq = this.#modseq + 1;
    for (const message of this.messages) {
      if (!includesNumber(request.uids?.bounds ?? [], message.uid)) continue;
      message.flags |= request.flags ?? 0;
      message.modseq = modseq;
    }
    const chunks = this.snapshot.chunks.map(({ packed }) => packed);
    const delta = { state: this.state(modseq), chunks, vanished: undefined, reopen: false, partial: false };
    return { delta, modified: undefined };
  }

  get blobs(): Blobs {
    const partial: Partial<Blobs> = { read: (request) => this.#read(request as storage.ReadRequest) };
    return partial as Blobs;
  }

  async *#read({ ranges, together }: storage.ReadRequest): AsyncGenerator<storage.ReadResponse> {
    this.calls.push('read');
    let pieces: storage.BlobPiece[] = [];
    for await (const piece of this.#pieces(ranges)) {
      if (!together || this.together === 1) yield { ...piece, pieces: [] };
      else pieces.push(piece);
      if (pieces.length < this.together) continue;
      yield grouped(pieces);
      pieces = [];
    }
    if (pieces.length > 0) yield grouped(pieces);
  }

  async *#pieces(ranges: readonly storage.BlobRange[]): AsyncGenerator<storage.BlobPiece> {
    let turn = 0;
    for (const [index, { blobId, start, end }] of ranges.entries()) {
      const message = this.messages.find(({ uid, raw }) => blobIdOf(uid, raw).equals(Buffer.from(blobId)));
      const failure = (code: ErrorCode) => ({ index, data: Buffer.alloc(0), last: true, errorCode: code });
      if (message === undefined) {
        yield failure('not-found');
        continue;
      }
      const breakage = this.broken.get(message.uid);
      const stop = breakage === undefined ? end : Math.min(end, start + breakage.after);
      for (let at = start; at < stop; ) {
        const to = Math.min(stop, at + (this.pieces[turn++ % this.pieces.length] as number));
        this.octetsRead += to - at;
        yield { index, data: Buffer.from(message.raw.subarray(at, to)), last: to === end, errorCode: '' };
        at = to;
      }
      if (breakage !== undefined && stop < end) yield failure(breakage.code);
    }
  }

  /** A session that has selected the mailbox. */
  session(options: Partial<SessionOptions> = {}, readOnly = false): FakeSession {
    return new FakeSession(this, { condstore: false, qresync: false, utf8: false, rev2: false, ...options }, readOnly);
  }
}

function grouped(pieces: storage.BlobPiece[]): storage.ReadResponse {
  return { index: 0, data: Buffer.alloc(0), last: false, errorCode: '', pieces };
}

function blobIdOf(uid: number, raw: Buffer): Buffer {
  return createHash('sha256').update(`${uid}\n`).update(raw).digest();
}

/** Keeps what was written. */
class KeptResponses implements ResponseWriter {
  readonly #pieces: Buffer[] = [];
  full = false;
  /** Pieces that were written. */
  writes = 0;

  write(octets: Uint8Array | string): void {
    this.writes += 1;
    this.#pieces.push(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : Buffer.from(octets));
  }

  copy(octets: Uint8Array): void {
    this.write(octets);
  }

  async drain(): Promise<void> {}

  /** All since the last call, a character for each octet. */
  take(): string {
    return Buffer.concat(this.#pieces.splice(0)).toString('latin1');
  }
}

/** A session as the commands on messages see it. */
export class FakeSession implements CommandContext {
  readonly mail: Mail;
  readonly blobs: Blobs;
  readonly writer = new KeptResponses();
  readonly options: SessionOptions;
  readonly logger = silent;
  readonly abort = new AbortController();
  readonly selected: SelectedMailbox;

  constructor(store: FakeStore, options: SessionOptions, readOnly: boolean) {
    this.mail = store.mail;
    this.blobs = store.blobs;
    this.options = options;
    const feed = new MailboxFeed(this.mail, 'account', store.state(), store.snapshot);
    const { writer } = this;
    this.selected = new SelectedMailbox(feed, feed.state.uidNext, {
      readOnly,
      options,
      writer,
      onChange() {},
      onClosed() {},
    });
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  enableCondstore(): void {
    this.options.condstore = true;
  }
}

/** Reads a command of that name, without its tag: `UID FETCH 1 FLAGS`. */
export function commandOf<N extends string>(name: N, text: string) {
  const command = parseCommand(Buffer.from(`a ${text}`));
  if (command.name !== name) throw new Error(`${command.name} is not ${name}`);
  return command as Extract<typeof command, { name: N }>;
}
