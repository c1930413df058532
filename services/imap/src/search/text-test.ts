import {
  decodeHeaderText,
  foldCase,
  headerFields,
  type MimePart,
  TextExtractor,
  TextSearch,
  textRanges,
  unfold,
} from '@stoa/mail';
import { type Content, FALSE, TRUE, UNKNOWN } from './tests.ts';

/** Octets of a header that HEADER looks at; the index has no more of it either. */
const MAX_HEADER = 1 << 20;

/** Gaps up to this are read with what stands around them: one range costs more than they do. */
const SMALL_GAP = 8 * 1024;

/** A piece of a message, `end` not included. */
export interface Range {
  start: number;
  end: number;
}

/** Judges keys on a message's header and text while its octets go by. */
export class TextTest {
  /** The octets to read, ascending. */
  readonly ranges: readonly Range[];
  readonly #root: MimePart;
  readonly #headerKeys: readonly Content[];
  readonly #extractor: TextExtractor | undefined;
  readonly #inAll: Needles;
  readonly #inBodies: Needles;
  #header: Buffer[] | undefined;

  /** `keys`: those that are not known yet, all of them HEADER, BODY or TEXT. */
  constructor(root: MimePart, keys: readonly Content[]) {
    this.#root = root;
    this.#headerKeys = keys.filter(({ key }) => key.type === 'header');
    this.#inAll = new Needles(keys.filter(({ key }) => key.type === 'text'));
    this.#inBodies = new Needles(keys.filter(({ key }) => key.type === 'body'));
    const ranges: Range[] = [];
    if (this.#headerKeys.length > 0) {
      this.#header = [];
      ranges.push({ start: root.headerStart, end: Math.min(root.bodyStart, root.headerStart + MAX_HEADER) });
    }
    if (this.#inAll.keys.length + this.#inBodies.keys.length > 0) {
      const options = { headers: this.#inAll.keys.length > 0 };
      this.#extractor = new TextExtractor(root, options);
      ranges.push(...textRanges(root, options));
    }
    this.ranges = joined(ranges);
  }

  /** Takes the octets at `offset` of the message; they ascend. Some of the keys may have their facts then. */
  push(offset: number, octets: Uint8Array): void {
    this.#pushHeader(offset, octets);
    if (this.#extractor === undefined) return;
    for (const piece of this.#extractor.push(offset, octets)) {
      this.#inAll.search.push(piece);
      if (piece.range.kind === 'body') this.#inBodies.search.push(piece);
    }
    this.#inAll.tell(UNKNOWN);
    this.#inBodies.tell(UNKNOWN);
  }

  /** All was read: what was not found is not there. */
  finish(): void {
    this.#judgeHeader();
    for (const piece of this.#extractor?.finish() ?? []) {
      this.#inAll.search.push(piece);
      if (piece.range.kind === 'body') this.#inBodies.search.push(piece);
    }
    this.#inAll.tell(FALSE);
    this.#inBodies.tell(FALSE);
  }

  #pushHeader(offset: number, octets: Uint8Array): void {
    if (this.#header === undefined) return;
    const { headerStart, bodyStart } = this.#root;
    const end = Math.min(bodyStart, headerStart + MAX_HEADER);
    if (offset < end) {
      const from = Math.max(0, headerStart - offset);
      this.#header.push(Buffer.from(octets.subarray(from, end - offset)));
    }
    if (offset + octets.length >= end) this.#judgeHeader();
  }

  #judgeHeader(): void {
    if (this.#header === undefined) return;
    const header = Buffer.concat(this.#header);
    this.#header = undefined;
    for (const content of this.#headerKeys) content.fact = hasField(header, content) ? TRUE : FALSE;
  }
}

/** Strings to find, and the keys that they are of. */
class Needles {
  readonly keys: readonly Content[];
  readonly search: TextSearch;

  constructor(keys: readonly Content[]) {
    this.keys = keys;
    this.search = new TextSearch(keys.map(({ key }) => ('value' in key ? key.value.text : '')));
  }

  tell(missing: typeof FALSE | typeof UNKNOWN): void {
    for (const [index, content] of this.keys.entries()) content.fact = this.search.found(index) ? TRUE : missing;
  }
}

/** Whether a field of that name has the string in its decoded value. An empty string asks for the field alone. */
function hasField(header: Buffer, { key }: Content): boolean {
  if (key.type !== 'header') return false;
  const name = Buffer.from(key.field).toString('latin1').toLowerCase();
  const folded = foldCase(key.value.text);
  for (const field of headerFields(header)) {
    if (field.name.toLowerCase() !== name) continue;
    if (folded === '') return true;
    const value = unfold(header.toString('latin1', field.valueStart, field.end));
    if (foldCase(decodeHeaderText(value)).includes(folded)) return true;
  }
  return false;
}

/** Ranges in ascending order, those next to each other made one. */
function joined(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    if (end <= start) continue;
    const last = result.at(-1);
    if (last !== undefined && start <= last.end + SMALL_GAP) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}
