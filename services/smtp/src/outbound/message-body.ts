import type { Client, storage } from '@stoa/contracts';
import { ENHANCED_STATUS as S } from '@stoa/mail';
import { DeliveryFailure } from './result.ts';

export type Blobs = Client<typeof storage.BlobServiceDefinition>;

export interface OpenBody {
  /** Octets that `chunks` gives. */
  readonly size: number;
  /** The message, once. Rejects with DeliveryFailure. */
  readonly chunks: AsyncIterable<Buffer>;
  /** To be called in the end, whether it was read or not. */
  close(): Promise<void>;
}

const FIELD = Buffer.from('return-path:');
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
/** A Return-Path field that is longer was not ours, and stays. */
const MAX_FIELD = 8 * 1024;
/** A header that is longer is no header. */
const MAX_HEADER = 1024 * 1024;

/** The body of a queued message as it goes out: without the Return-Path field of our delivery (RFC 5321 section 4.4). */
export class MessageBody {
  readonly #blobs: Blobs;
  readonly #entry: Pick<storage.QueueEntry, 'blobId' | 'size'>;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;

  constructor(
    blobs: Blobs,
    entry: Pick<storage.QueueEntry, 'blobId' | 'size'>,
    options: { timeoutMs: number; signal: AbortSignal },
  ) {
    this.#blobs = blobs;
    this.#entry = entry;
    this.#timeoutMs = options.timeoutMs;
    this.#signal = options.signal;
  }

  /** Begins to read, so that it is known that the message is there. Rejects with DeliveryFailure. */
  async open(): Promise<OpenBody> {
    const source = this.#read(0);
    let first: Buffer = Buffer.alloc(0);
    let length: number | undefined;
    for (let step = await source.next(); step.done !== true; step = await source.next()) {
      first = first.length === 0 ? step.value : Buffer.concat([first, step.value]);
      length = returnPathLength(first);
      if (length !== undefined) break;
    }
    const skipped = length ?? 0;
    const chunks = (async function* () {
      if (first.length > skipped) yield first.subarray(skipped);
      yield* source;
    })();
    const close = async () => void (await source.return());
    return { size: Math.max(this.#entry.size - skipped, 0), chunks, close };
  }

  /** The whole message as it is stored, for a delivery on this system. */
  stored(): AsyncIterable<Buffer> {
    return this.#read(0);
  }

  /** The first octets of the message as it goes out, about so many. */
  async beginning(octets: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const chunk of this.#read(octets)) pieces.push(chunk);
    const all = Buffer.concat(pieces);
    return all.subarray(returnPathLength(all) ?? 0);
  }

  /** Whether any octet is beyond ASCII; with `headerOnly` any of the header. */
  async hasEightBit(headerOnly: boolean): Promise<boolean> {
    // The end of the header may lie across two chunks.
    let tail = '';
    let seen = 0;
    for await (const chunk of this.#read(0)) {
      const text = chunk.toString('latin1');
      const joined = tail + text;
      const end = headerOnly ? joined.search(/\r?\n\r?\n/) : -1;
      const part = end < 0 ? joined : joined.slice(0, end);
      if (/[\x80-\xff]/.test(part)) return true;
      seen += text.length;
      if (end >= 0 || (headerOnly && seen > MAX_HEADER)) return false;
      tail = joined.slice(-3);
    }
    return false;
  }

  async *#read(end: number): AsyncGenerator<Buffer, void, undefined> {
    const { blobId, size } = this.#entry;
    const range = { blobId, start: 0, end: end === 0 ? 0 : Math.min(end, size) };
    try {
      const responses = this.#blobs.read({ ranges: [range] }, { timeoutMs: this.#timeoutMs, signal: this.#signal });
      for await (const { data, errorCode, last } of responses) {
        if (errorCode !== '') throw new Error(`the blob store says ${errorCode}`);
        if (data.length > 0) yield Buffer.from(data.buffer, data.byteOffset, data.byteLength);
        if (last) return;
      }
      throw new Error('the blob ends too early');
    } catch (cause) {
      throw new DeliveryFailure(S.tempSystem, 'the message cannot be read now', { cause });
    }
  }
}

/** Octets of the Return-Path field that the message begins with, 0 where it has none; undefined: more octets are needed. */
function returnPathLength(octets: Buffer): number | undefined {
  for (let i = 0; i < FIELD.length; i++) {
    if (i === octets.length) return undefined;
    // Letters and the dash and colon differ from their lower case by this bit alone, or not at all.
    if (((octets[i] as number) | SPACE) !== FIELD[i]) return 0;
  }
  for (let at = octets.indexOf(LF); at >= 0; at = octets.indexOf(LF, at + 1)) {
    const next = octets[at + 1];
    if (next === undefined) break;
    if (next !== SPACE && next !== TAB) return at < MAX_FIELD ? at + 1 : 0;
  }
  return octets.length > MAX_FIELD ? 0 : undefined;
}
