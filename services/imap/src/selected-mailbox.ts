import type { storage } from '@stoa/contracts';
import {
  ByteWriter,
  diffSnapshots,
  eachNumber,
  eachRun,
  FetchLineWriter,
  FLAG,
  holdExpunged,
  type IndexChunk,
  includesNumber,
  intersectionOfSets,
  keywordNumbers,
  type MailboxSnapshot,
  type MessageRun,
  type NumberSet,
  resolveSequenceSet,
  type SequenceSet,
  unionOfSets,
  writeVanished,
} from '@stoa/mail';
import type { FeedListener, MailboxFeed } from './mailbox-feed.ts';
import { BadSequence, type ResponseWriter, type SelectedView, type SessionOptions } from './session-types.ts';

const SYSTEM_FLAG_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [FLAG.answered, '\\Answered'],
  [FLAG.flagged, '\\Flagged'],
  [FLAG.deleted, '\\Deleted'],
  [FLAG.seen, '\\Seen'],
  [FLAG.draft, '\\Draft'],
];

/** Number of the keyword that stands for \Recent in lines; a mailbox with 56 keywords has none to spare. */
const RECENT_KEYWORD = 55;
const RECENT_BIT = 1 << 31;

/** Octets of lines that leave as one piece, and what a line takes, about. */
const LINES_OCTETS = 64 * 1024;
const LINE_OCTETS = 64;

export interface SelectedOptions {
  readOnly: boolean;
  options: SessionOptions;
  writer: ResponseWriter;
  /** The mailbox changed: tell the client now if it idles. */
  onChange(): void;
  onClosed(): void;
}

/** The mailbox that a session has selected, as its client knows it. */
export class SelectedMailbox implements SelectedView, FeedListener {
  readonly feed: MailboxFeed;
  readonly readOnly: boolean;
  saved: NumberSet = [];
  readonly #given: SelectedOptions;
  #shown: MailboxSnapshot;
  #keywords: readonly string[];
  #keywordsTold: readonly string[];
  #recent: NumberSet = [];
  #recentTold = 0;
  #countTold: number;
  /** Flags that the client knows though nobody told it: its own silent changes. */
  #told: NumberSet = [];

  /** `recentFrom`: the first UID that no session was shown before. */
  constructor(feed: MailboxFeed, recentFrom: number, given: SelectedOptions) {
    this.feed = feed;
    this.readOnly = given.readOnly;
    this.#given = given;
    this.#shown = feed.snapshot;
    this.#keywords = feed.state.keywords;
    this.#keywordsTold = this.#keywords;
    this.#countTold = this.#shown.count;
    if (recentFrom < feed.state.uidNext) this.#recent = [recentFrom, feed.state.uidNext - 1];
    this.#recentTold = this.recentCount;
    feed.listeners.add(this);
  }

  get accountId(): string {
    return this.feed.accountId;
  }

  get mailboxId(): number {
    return this.feed.mailboxId;
  }

  get shown(): MailboxSnapshot {
    return this.#shown;
  }

  get keywords(): readonly string[] {
    return this.#keywords;
  }

  get modseq(): number {
    return this.feed.modseq;
  }

  get knownModseq(): number {
    return this.feed.modseq;
  }

  get claimsRecent(): boolean {
    return !this.readOnly;
  }

  close(): void {
    this.feed.listeners.delete(this);
  }

  changed(): void {
    this.#given.onChange();
  }

  closed(): void {
    this.#given.onClosed();
  }

  takeRecent(from: number, before: number): void {
    if (from < before) this.#recent = unionOfSets(this.#recent, [from, before - 1]);
  }

  isRecent(uid: number): boolean {
    return this.#recent.length > 0 && includesNumber(this.#recent, uid);
  }

  get recentCount(): number {
    if (this.#recent.length === 0) return 0;
    let count = 0;
    for (const { from, to } of this.#shown.runsOfUids(this.#recent)) count += to - from;
    return count;
  }

  resolve(set: SequenceSet, uid: boolean): number[] {
    const shown = this.#shown;
    // `$` holds UIDs whatever the command numbers by (RFC 5182 section 2.1).
    if (set === '$') return shown.existing(this.saved);
    if (uid) return shown.existing(resolveSequenceSet(set, shown.lastUid, this.saved));
    const numbers = resolveSequenceSet(set, shown.count, this.saved);
    if ((numbers.at(-1) ?? 0) > shown.count) throw new BadSequence();
    return shown.uidsOfSequences(numbers);
  }

  /**
   * UIDs within a set that vanished since a MODSEQ. What is shown still, because it vanished only now, is none of them: it is in
   * the count that the client was told, and is taken from it in its turn.
   */
  async vanishedSince(modseq: number, within: NumberSet): Promise<NumberSet> {
    const vanished = await this.feed.vanishedSince(modseq, within);
    const shown = this.#shown.existing(vanished);
    return shown.length === 0 ? vanished : without(vanished, shown);
  }

  async apply(delta: storage.MailboxDelta | undefined): Promise<void> {
    await this.feed.apply(delta);
  }

  toldFlags(uids: NumberSet): void {
    this.#told = unionOfSets(this.#told, uids);
  }

  /**
   * Tells the client what changed since it was told last. Without `expunges` messages that are gone keep their numbers
   * (RFC 9051 section 7.5.1). FETCH lines come with UID where the command had it, or QRESYNC asks for it.
   */
  async tell(expunges: boolean, withUid: boolean): Promise<void> {
    const { writer, options } = this.#given;
    const newest = this.feed.snapshot;
    this.#keywords = this.feed.state.keywords;
    if (newest !== this.#shown) {
      const before = this.#shown;
      const next = expunges ? newest : holdExpunged(before, newest, true);
      const { expunged, vanished, changed } = diffSnapshots(before, next);
      this.#shown = next;
      if (expunged.length > 0) this.#tellExpunged(expunged, vanished, options.qresync);
      this.#countTold -= sizeOf(expunged);
      this.#tellCount();
      this.#tellKeywords();
      const untold = this.#told.length === 0 ? changed : without(changed, this.#told);
      if (untold.length > 0) await this.writeFlagLines(untold, withUid || options.qresync);
    } else {
      this.#tellCount();
    }
    this.#told = [];
    if (writer.full) await writer.drain();
  }

  /** From the last to the first, so that none shifts another; VANISHED after ENABLE QRESYNC (RFC 7162 section 3.2.7). */
  #tellExpunged(expunged: NumberSet, vanished: NumberSet, qresync: boolean): void {
    const { writer } = this.#given;
    if (qresync) {
      const line = new ByteWriter();
      writeVanished(line, vanished, false);
      writer.write(line.take());
      return;
    }
    const lines: string[] = [];
    for (let i = expunged.length - 2; i >= 0; i -= 2) {
      for (let number = expunged[i + 1] as number; number >= (expunged[i] as number); number--)
        lines.push(`* ${number} EXPUNGE\r\n`);
    }
    writer.write(lines.join(''));
  }

  #tellCount(): void {
    const { writer, options } = this.#given;
    const count = this.#shown.count;
    const grown = count !== this.#countTold;
    this.#countTold = count;
    if (grown) writer.write(`* ${count} EXISTS\r\n`);
    const recent = this.recentCount;
    if (recent !== this.#recentTold && !options.rev2) writer.write(`* ${recent} RECENT\r\n`);
    this.#recentTold = recent;
  }

  /** New keywords are told before a message shows them. */
  #tellKeywords(): void {
    if (this.#keywords.length === this.#keywordsTold.length) return;
    this.#keywordsTold = this.#keywords;
    this.#given.writer.write(flagsLines(this.#keywords, this.readOnly));
  }

  async writeFlagLines(uids: NumberSet, withUid: boolean): Promise<void> {
    const { writer, options } = this.#given;
    this.#tellKeywords();
    const keywords = this.#keywordsWithRecent();
    const lines = new FetchLineWriter(
      keywords,
      { uid: withUid, flags: true, modSeq: options.condstore },
      (octets) => writer.copy(octets),
      Math.min(LINES_OCTETS, sizeOf(uids) * LINE_OCTETS),
    );
    for (const run of this.#shown.runsOfUids(uids)) {
      this.writeRun(lines, run);
      if (writer.full) {
        lines.end();
        await writer.drain();
      }
    }
    lines.end();
  }

  /** The table of keywords with \Recent, for lines that may show it. */
  #keywordsWithRecent(): readonly string[] {
    if (this.#recent.length === 0 || this.#given.options.rev2 || this.#keywords.length > RECENT_KEYWORD)
      return this.#keywords;
    const table = Array.from({ length: RECENT_KEYWORD + 1 }, (_, number) => this.#keywords[number] ?? '');
    table[RECENT_KEYWORD] = '\\Recent';
    return table;
  }

  /** The names of flag words, \Recent included where it is set. */
  flagNames(uid: number, low: number, high: number): string {
    const names = SYSTEM_FLAG_NAMES.flatMap(([bit, name]) => ((low & bit) === 0 ? [] : [name]));
    for (const number of keywordNumbers(low, high)) names.push(this.#keywords[number] ?? '');
    if (this.isRecent(uid) && !this.#given.options.rev2) names.push('\\Recent');
    return names.filter((name) => name !== '').join(' ');
  }

  /** A writer of lines that show \Recent where it is set. */
  lineWriter(items: ConstructorParameters<typeof FetchLineWriter>[1], capacity: number): FetchLineWriter {
    return new FetchLineWriter(
      this.#keywordsWithRecent(),
      items,
      (octets) => this.#given.writer.copy(octets),
      capacity,
    );
  }

  /** Writes the lines of a run, \Recent included. */
  writeRun(lines: FetchLineWriter, { chunk, from, to, sequence }: MessageRun): void {
    const range: NumberSet = [chunk.uids[from] as number, chunk.uids[to - 1] as number];
    if (this.#recent.length === 0 || this.#given.options.rev2 || intersectionOfSets(this.#recent, range).length === 0) {
      lines.write(chunk, sequence, from, to);
      return;
    }
    lines.write(new WithRecent(chunk, this.#recent), sequence, from, to);
  }
}

/** The columns of a chunk with \Recent as the keyword that stands for it; the others are not touched until they are shown. */
class WithRecent {
  readonly #chunk: IndexChunk;
  readonly keywordsHigh: Uint32Array;

  constructor(chunk: IndexChunk, recent: NumberSet) {
    this.#chunk = chunk;
    const keywordsHigh = chunk.keywordsHigh.slice();
    eachRun(chunk, recent, (from, to) => {
      for (let i = from; i < to; i++) keywordsHigh[i] = (keywordsHigh[i] as number) | RECENT_BIT;
    });
    this.keywordsHigh = keywordsHigh;
  }

  get uids(): Uint32Array {
    return this.#chunk.uids;
  }

  get flags(): Uint32Array {
    return this.#chunk.flags;
  }

  get modseqs(): Float64Array {
    return this.#chunk.modseqs;
  }

  get sizes(): Uint32Array {
    return this.#chunk.sizes;
  }

  get seconds(): Float64Array {
    return this.#chunk.seconds;
  }
}

function sizeOf(set: NumberSet): number {
  let size = 0;
  for (let i = 0; i + 1 < set.length; i += 2) size += (set[i + 1] as number) - (set[i] as number) + 1;
  return size;
}

function without(set: NumberSet, unwanted: NumberSet): number[] {
  const left: number[] = [];
  for (const number of eachNumber(set)) {
    if (includesNumber(unwanted, number)) continue;
    if (left.at(-1) === number - 1) left[left.length - 1] = number;
    else left.push(number, number);
  }
  return left;
}

const SYSTEM_NAMES = '\\Answered \\Flagged \\Deleted \\Seen \\Draft';
/** A mailbox takes so many keywords; with all of them taken, PERMANENTFLAGS no longer offers new ones. */
const KEYWORD_LIMIT = 56;

/** FLAGS and PERMANENTFLAGS (RFC 9051 section 7.3.5 and 7.1). */
export function flagsLines(keywords: readonly string[], readOnly: boolean): string {
  const all = [SYSTEM_NAMES, ...keywords].join(' ');
  const permanent = readOnly ? '' : keywords.length < KEYWORD_LIMIT ? `${all} \\*` : all;
  return `* FLAGS (${all})\r\n* OK [PERMANENTFLAGS (${permanent})] Flags that last\r\n`;
}
