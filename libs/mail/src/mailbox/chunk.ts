import { type Column, encodeChunk, readColumns } from './chunk-codec.ts';
import { CHUNK_SIZE, type ChunkColumns, ChunkFormatError } from './chunk-format.ts';

/**
 * The hot columns of the messages of one chunk: immutable, shared between snapshots. Columns are decoded when they are
 * first asked for; the arrays are not to be changed.
 */
export class IndexChunk {
  /** Chunk k holds the UIDs k * 256 + 1 to (k + 1) * 256. */
  readonly number: number;
  /** Messages in it, 1 to 256. */
  readonly count: number;
  /** MODSEQ of the last change of any message of its range, removals included. */
  readonly maxModseq: number;
  #packed: Uint8Array | undefined;
  #columns: readonly Column[] | undefined;
  #uids: Uint32Array | undefined;
  #modseqs: Float64Array | undefined;
  #flags: Uint32Array | undefined;
  #keywordsHigh: Uint32Array | undefined;
  #sizes: Uint32Array | undefined;
  #seconds: Float64Array | undefined;

  private constructor(number: number, count: number, maxModseq: number) {
    this.number = number;
    this.count = count;
    this.maxModseq = maxModseq;
  }

  /** Reads a packed chunk, which is kept and must not be changed. Throws a ChunkFormatError for anything else. */
  static decode(packed: Uint8Array): IndexChunk {
    const { number, count, maxModseq, columns } = readColumns(packed);
    const chunk = new IndexChunk(number, count, maxModseq);
    chunk.#packed = packed;
    chunk.#columns = columns;
    return chunk;
  }

  /** A chunk of columns, which are kept and must not be changed. UIDs ascend within the chunk's range. */
  static of(number: number, maxModseq: number, columns: ChunkColumns): IndexChunk {
    const count = columns.uids.length;
    if (count === 0 || count > CHUNK_SIZE) throw new ChunkFormatError(`a chunk holds 1 to 256 messages, not ${count}`);
    const chunk = new IndexChunk(number, count, maxModseq);
    chunk.#uids = columns.uids;
    chunk.#modseqs = columns.modseqs;
    chunk.#flags = columns.flags;
    chunk.#keywordsHigh = columns.keywordsHigh;
    chunk.#sizes = columns.sizes;
    chunk.#seconds = columns.seconds;
    return chunk;
  }

  /** The packed form, as it is stored and sent. */
  get packed(): Uint8Array {
    this.#packed ??= encodeChunk(this.number, this.maxModseq, this);
    return this.#packed;
  }

  /** UIDs, ascending. */
  get uids(): Uint32Array {
    this.#uids ??= this.#columns![0]!.uids(this.count);
    return this.#uids;
  }

  get modseqs(): Float64Array {
    this.#modseqs ??= this.#columns![1]!.numbers(this.count);
    return this.#modseqs;
  }

  /** System flags and keywords 0 to 23: see `FLAG` and `keywordNumbers`. */
  get flags(): Uint32Array {
    this.#flags ??= this.#columns![2]!.words(this.count);
    return this.#flags;
  }

  /** Keywords 24 to 55. */
  get keywordsHigh(): Uint32Array {
    this.#keywordsHigh ??= this.#columns![3]!.words(this.count);
    return this.#keywordsHigh;
  }

  /** Octets. */
  get sizes(): Uint32Array {
    this.#sizes ??= this.#columns![4]!.words(this.count);
    return this.#sizes;
  }

  /** Internal dates in seconds since 1970-01-01 UTC. */
  get seconds(): Float64Array {
    this.#seconds ??= this.#columns![5]!.numbers(this.count);
    return this.#seconds;
  }

  get firstUid(): number {
    return this.#uids?.[0] ?? this.#columns![0]!.base;
  }

  get lastUid(): number {
    if (this.#uids === undefined && this.#columns![0]!.width === 0) return this.#columns![0]!.base + this.count - 1;
    return this.uids[this.count - 1]!;
  }

  /** A UID between the first and the last is of no message here. */
  get hasGaps(): boolean {
    return this.lastUid - this.firstUid !== this.count - 1;
  }

  /** UID of the message at an index. */
  uidAt(index: number): number {
    return this.hasGaps ? this.uids[index]! : this.firstUid + index;
  }

  /** Index of the first message with a UID of at least `uid`; `count` when there is none. */
  lowerBound(uid: number): number {
    const first = this.firstUid;
    if (uid <= first) return 0;
    // Without gaps the place follows from the number.
    if (!this.hasGaps) return Math.min(uid - first, this.count);
    const uids = this.uids;
    let low = 1;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (uids[middle]! < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the message; -1 when it is not there. */
  indexOf(uid: number): number {
    const at = this.lowerBound(uid);
    return at < this.count && this.uidAt(at) === uid ? at : -1;
  }
}
