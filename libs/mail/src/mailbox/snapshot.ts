import { IndexChunk } from './chunk.ts';
import { chunkOfUid } from './chunk-format.ts';
import { MAX_NUMBER, type NumberSet } from './uid-set.ts';

/** Messages next to each other in one chunk: indexes `from` to `to` (not included); `sequence` is the number of the first. */
export interface MessageRun {
  chunk: IndexChunk;
  from: number;
  to: number;
  sequence: number;
}

/**
 * The messages of a mailbox at one moment: an immutable list of chunks, shared with the snapshots before and after it.
 * Sequence numbers count from 1 in ascending order of the UID (RFC 9051 section 2.3.1.2).
 */
export class MailboxSnapshot {
  /** Ascending by number; none is empty. */
  readonly chunks: readonly IndexChunk[];
  /** Messages before each chunk; one element more than there are chunks. */
  readonly #before: Uint32Array;

  /** `chunks` ascend by number. */
  constructor(chunks: readonly IndexChunk[]) {
    this.chunks = chunks;
    this.#before = new Uint32Array(chunks.length + 1);
    let count = 0;
    for (let i = 0; i < chunks.length; i++) {
      count += chunks[i]!.count;
      this.#before[i + 1] = count;
    }
  }

  static readonly empty = new MailboxSnapshot([]);

  /** From packed chunks in ascending order. Throws a ChunkFormatError when they are not that. */
  static decode(packed: Iterable<Uint8Array>): MailboxSnapshot {
    const builder = new SnapshotBuilder();
    builder.add(packed);
    return builder.build();
  }

  /** Number of messages. */
  get count(): number {
    return this.#before[this.chunks.length]!;
  }

  /** The highest UID; 0 when there is no message. */
  get lastUid(): number {
    return this.chunks.at(-1)?.lastUid ?? 0;
  }

  /** Index in `chunks` of the first with at least this number. */
  chunkIndex(number: number): number {
    const chunks = this.chunks;
    let low = 0;
    let high = chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (chunks[middle]!.number < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Sequence number of the first message of a chunk in `chunks`. */
  firstSequence(chunkIndex: number): number {
    return this.#before[chunkIndex]! + 1;
  }

  /** Sequence number of a UID; 0 when there is no such message. */
  sequenceOf(uid: number): number {
    const at = this.chunkIndex(chunkOfUid(uid));
    const chunk = this.chunks[at];
    if (chunk === undefined) return 0;
    const index = chunk.indexOf(uid);
    return index < 0 ? 0 : this.#before[at]! + index + 1;
  }

  /** Sequence number of the first message with at least this UID; `count` + 1 when there is none. */
  sequenceFrom(uid: number): number {
    const at = this.chunkIndex(chunkOfUid(uid));
    const chunk = this.chunks[at];
    return chunk === undefined ? this.count + 1 : this.#before[at]! + chunk.lowerBound(uid) + 1;
  }

  #chunkOfSequence(sequence: number): number {
    let low = 0;
    let high = this.chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#before[middle]! < sequence) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** UID of a sequence number; 0 when there is no such message. */
  uidOf(sequence: number): number {
    if (!(sequence >= 1 && sequence <= this.count)) return 0;
    const at = this.#chunkOfSequence(sequence);
    return this.chunks[at]!.uidAt(sequence - 1 - this.#before[at]!);
  }

  /** The message with a UID: its chunk and its index there. */
  find(uid: number): { chunk: IndexChunk; index: number } | undefined {
    const chunk = this.chunks[this.chunkIndex(chunkOfUid(uid))];
    const index = chunk?.indexOf(uid) ?? -1;
    return chunk === undefined || index < 0 ? undefined : { chunk, index };
  }

  /** Runs of all messages. */
  *runs(): Generator<MessageRun> {
    for (let i = 0; i < this.chunks.length; i++) {
      const chunk = this.chunks[i]!;
      yield { chunk, from: 0, to: chunk.count, sequence: this.#before[i]! + 1 };
    }
  }

  /** Runs of the messages whose UIDs are in the set, ascending. */
  *runsOfUids(uids: NumberSet): Generator<MessageRun> {
    for (let i = 0; i + 1 < uids.length; i += 2) {
      const first = uids[i]!;
      const last = uids[i + 1]!;
      const lastChunk = chunkOfUid(last);
      for (let at = this.chunkIndex(chunkOfUid(first)); at < this.chunks.length; at++) {
        const chunk = this.chunks[at]!;
        if (chunk.number > lastChunk) break;
        const from = chunk.lowerBound(first);
        const to = last >= chunk.lastUid ? chunk.count : chunk.lowerBound(last + 1);
        if (from < to) yield { chunk, from, to, sequence: this.#before[at]! + from + 1 };
      }
    }
  }

  /** Runs of the messages whose sequence numbers are in the set, ascending; numbers beyond the last are left out. */
  *runsOfSequences(sequences: NumberSet): Generator<MessageRun> {
    const count = this.count;
    for (let i = 0; i + 1 < sequences.length; i += 2) {
      let sequence = sequences[i]!;
      const last = Math.min(sequences[i + 1]!, count);
      if (sequence > last) return;
      for (let at = this.#chunkOfSequence(sequence); sequence <= last; at++) {
        const chunk = this.chunks[at]!;
        const from = sequence - 1 - this.#before[at]!;
        const to = Math.min(chunk.count, last - this.#before[at]!);
        yield { chunk, from, to, sequence };
        sequence += to - from;
      }
    }
  }

  /** The UIDs of sequence numbers, as a set that names no UID beside them. */
  uidsOfSequences(sequences: NumberSet): number[] {
    return uidsOfRuns(this.runsOfSequences(sequences));
  }

  /** The UIDs of the set that exist. */
  existing(uids: NumberSet): number[] {
    return uidsOfRuns(this.runsOfUids(uids));
  }

  /** All UIDs. */
  allUids(): number[] {
    return uidsOfRuns(this.runs());
  }
}

function uidsOfRuns(runs: Iterable<MessageRun>): number[] {
  const bounds: number[] = [];
  let last = -1;
  for (const { chunk, from, to } of runs) {
    const first = chunk.uidAt(from);
    const final = chunk.uidAt(to - 1);
    if (final - first === to - 1 - from) {
      if (last >= 0 && first === last + 1) bounds[bounds.length - 1] = final;
      else bounds.push(first, final);
      last = final;
      continue;
    }
    const { uids } = chunk;
    for (let i = from; i < to; i++) {
      const uid = uids[i]!;
      if (last >= 0 && uid === last + 1) bounds[bounds.length - 1] = uid;
      else bounds.push(uid, uid);
      last = uid;
    }
  }
  return bounds;
}

/** Collects the chunks of a mailbox while they stream in. */
export class SnapshotBuilder {
  readonly #chunks: IndexChunk[] = [];

  /** In ascending order over all calls. */
  add(packed: Iterable<Uint8Array>): void {
    for (const bytes of packed) this.#chunks.push(IndexChunk.decode(bytes));
  }

  build(): MailboxSnapshot {
    for (let i = 1; i < this.#chunks.length; i++) {
      if (this.#chunks[i]!.number <= this.#chunks[i - 1]!.number) throw new RangeError('index chunks do not ascend');
    }
    return new MailboxSnapshot(this.#chunks);
  }
}

/** The set of every UID. */
export const ALL_UIDS: NumberSet = [1, MAX_NUMBER];
