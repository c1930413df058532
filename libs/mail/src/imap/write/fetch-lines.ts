import { FLAG, keywordNumbers } from '../../mailbox/flags.ts';
import { formatInternalDate } from '../date.ts';
import { putDecimal } from './decimal.ts';

/** Columns of messages next to each other; those that are not shown may be left out. */
export interface FetchColumns {
  uids: Uint32Array;
  /** System flags and keywords 0 to 23, as in `FlagWords.low`. */
  flags: Uint32Array;
  /** Keywords 24 to 55. */
  keywordsHigh?: Uint32Array | undefined;
  modseqs?: Float64Array | undefined;
  /** Octets. */
  sizes?: Uint32Array | undefined;
  /** Internal dates in seconds since 1970-01-01 UTC. */
  seconds?: Float64Array | undefined;
}

/** What each line shows. */
export interface FetchLineItems {
  uid?: boolean;
  flags?: boolean;
  modSeq?: boolean;
  size?: boolean;
  internalDate?: boolean;
}

const SYSTEM_NAMES = [
  [FLAG.answered, '\\Answered'],
  [FLAG.flagged, '\\Flagged'],
  [FLAG.deleted, '\\Deleted'],
  [FLAG.seen, '\\Seen'],
  [FLAG.draft, '\\Draft'],
] as const;

const NONE = new Uint32Array(0);

/** Different flag words that are kept in their written form. */
const MAX_CACHED = 4096;

/** Octets of a line apart from its flags, at most. */
const MAX_LINE = 256;

const FETCH = piece(' FETCH (');
const UID = piece('UID ');
const MODSEQ = piece('MODSEQ (');
const SIZE = piece('RFC822.SIZE ');
const DATE = piece('INTERNALDATE "');

/** Text that is copied often: its octets as doubles, eight at a time, padded. ASCII is never read as a NaN. */
interface Piece {
  doubles: Float64Array;
  length: number;
}

/**
 * Writes `* 12 FETCH (UID 37 MODSEQ (917) FLAGS (\Seen $Junk))` for many messages (RFC 9051 section 7.5.2), from
 * columns into one buffer that is used again and again.
 */
export class FetchLineWriter {
  readonly #keywords: readonly string[];
  readonly #items: FetchLineItems;
  readonly #octets: Buffer;
  readonly #view: DataView;
  readonly #flush: (octets: Buffer) => void;
  readonly #plain: (Piece | undefined)[] = [];
  readonly #cache = new Map<number, Map<number, Piece>>();
  #cached = 0;
  /** The flag words of the line before, and what was written for them. */
  #lastLow = -1;
  #lastHigh = 0;
  #last: Piece | undefined;
  #length = 0;

  /**
   * `keywords` is the mailbox's table, at most 56 names. `flush` gets the octets when the buffer of `capacity` is full
   * and from `end`; they are valid until it returns.
   */
  constructor(
    keywords: readonly string[],
    items: FetchLineItems,
    flush: (octets: Buffer) => void,
    capacity: number = 64 * 1024,
  ) {
    this.#keywords = keywords;
    this.#items = items;
    this.#flush = flush;
    this.#octets = Buffer.allocUnsafeSlow(Math.max(capacity, 2 * this.#longestLine()));
    this.#view = new DataView(this.#octets.buffer, this.#octets.byteOffset, this.#octets.length);
  }

  /**
   * Messages `from` to `to` (not included) of the columns; `sequence` is the number of the first. Columns that are not shown
   * are not asked for: an IndexChunk decodes each when it is.
   */
  write(columns: FetchColumns, sequence: number, from: number, to: number): void {
    const { uid, flags: showFlags, modSeq, size, internalDate } = this.#items;
    const uids = uid ? columns.uids : NONE;
    const flags = showFlags ? columns.flags : NONE;
    const keywordsHigh = showFlags ? columns.keywordsHigh : undefined;
    const modseqs = modSeq ? columns.modseqs : undefined;
    const sizes = size ? columns.sizes : undefined;
    const seconds = internalDate ? columns.seconds : undefined;
    const octets = this.#octets;
    const view = this.#view;
    const full = octets.length - this.#longestLine();
    let number = sequence;
    let at = this.#length;
    for (let i = from; i < to; i++, number++) {
      if (at > full) {
        this.#flush(octets.subarray(0, at));
        at = 0;
      }
      octets[at++] = 0x2a;
      octets[at++] = 0x20;
      at = putDecimal(octets, at, number);
      at = put(view, at, FETCH);
      const start = at;
      if (uid) {
        at = put(view, at, UID);
        at = putDecimal(octets, at, uids[i]!);
        octets[at++] = 0x20;
      }
      if (modSeq) {
        at = put(view, at, MODSEQ);
        at = putDecimal(octets, at, modseqs![i]!);
        octets[at++] = 0x29;
        octets[at++] = 0x20;
      }
      if (size) {
        at = put(view, at, SIZE);
        at = putDecimal(octets, at, sizes![i]!);
        octets[at++] = 0x20;
      }
      if (internalDate) {
        at = put(view, at, DATE);
        at += octets.write(formatInternalDate(seconds![i]!), at, 'latin1');
        octets[at++] = 0x22;
        octets[at++] = 0x20;
      }
      if (showFlags) at = put(view, at, this.#flagsPiece(flags[i]!, keywordsHigh === undefined ? 0 : keywordsHigh[i]!));
      else {
        // The last space gives way to the end of the line.
        if (at > start) at--;
        octets[at++] = 0x29;
        octets[at++] = 0x0d;
        octets[at++] = 0x0a;
      }
    }
    this.#length = at;
  }

  /** Hands over what is left. */
  end(): void {
    if (this.#length > 0) this.#flush(this.#octets.subarray(0, this.#length));
    this.#length = 0;
  }

  #longestLine(): number {
    return MAX_LINE + this.#keywords.reduce((sum, keyword) => sum + keyword.length + 1, 0);
  }

  /** `FLAGS (...)` and the end of the line. */
  #flagsPiece(low: number, high: number): Piece {
    if (low !== this.#lastLow || high !== this.#lastHigh || this.#last === undefined) {
      this.#last = this.#keptPiece(low, high);
      this.#lastLow = low;
      this.#lastHigh = high;
    }
    return this.#last;
  }

  #keptPiece(low: number, high: number): Piece {
    if (high === 0 && low < 32) {
      this.#plain[low] ??= this.#formatFlags(low, 0);
      return this.#plain[low]!;
    }
    const found = this.#cache.get(high)?.get(low);
    if (found !== undefined) return found;
    if (this.#cached >= MAX_CACHED) {
      this.#cache.clear();
      this.#cached = 0;
    }
    const flags = this.#formatFlags(low, high);
    let byLow = this.#cache.get(high);
    if (byLow === undefined) {
      byLow = new Map();
      this.#cache.set(high, byLow);
    }
    byLow.set(low, flags);
    this.#cached++;
    return flags;
  }

  #formatFlags(low: number, high: number): Piece {
    const names: string[] = [];
    for (const [bit, name] of SYSTEM_NAMES) if (low & bit) names.push(name);
    for (const number of keywordNumbers(low, high)) {
      const keyword = this.#keywords[number];
      if (keyword !== undefined) names.push(keyword);
    }
    return piece(`FLAGS (${names.join(' ')}))\r\n`);
  }
}

function piece(text: string): Piece {
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8);
  padded.write(text, 'latin1');
  const doubles = new Float64Array(padded.length / 8);
  for (let i = 0; i < doubles.length; i++) doubles[i] = padded.readDoubleLE(i * 8);
  return { doubles, length: text.length };
}

/** Up to seven octets behind the piece are overwritten too. */
function put(view: DataView, at: number, { doubles, length }: Piece): number {
  for (let i = 0; i < doubles.length; i++) view.setFloat64(at + i * 8, doubles[i]!, true);
  return at + length;
}
