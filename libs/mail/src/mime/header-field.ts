/** Header fields as they stand in the bytes (RFC 5322 section 2.2). Nothing here decodes or changes a value. */

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
const COLON = 58;

/** One field with its offsets in the header block. */
export interface HeaderField {
  /** As written, without white space before the colon; of a line without a colon, the whole line. */
  name: string;
  /** The field's first byte. */
  start: number;
  /** The first byte behind the colon. */
  valueStart: number;
  /** One past the field's last line ending, folded lines included. */
  end: number;
}

/** Views any bytes as a Buffer, without a copy. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Walks over the fields of a header block without making objects: call `next`, then read the offsets. It ends at the
 * blank line or at the end of the bytes. Lines end in CRLF or in a bare LF.
 */
export class HeaderScanner {
  readonly block: Buffer;
  start = 0;
  nameEnd = 0;
  valueStart = 0;
  end = 0;

  constructor(block: Uint8Array) {
    this.block = bufferOf(block);
  }

  next(): boolean {
    const { block } = this;
    const length = block.length;
    const start = this.end;
    if (start >= length) return false;
    const first = block[start];
    if (first === LF || (first === CR && start + 1 < length && block[start + 1] === LF)) return false;

    let colon = start;
    let byte = first;
    while (byte !== COLON && byte !== LF) {
      colon++;
      if (colon === length) break;
      byte = block[colon];
    }
    let lineEnd = byte === LF || colon === length ? colon : block.indexOf(LF, colon + 1);
    if (lineEnd === -1) lineEnd = length;

    this.start = start;
    if (byte === COLON && colon < length) {
      this.valueStart = colon + 1;
      while (colon > start && isBlank(block[colon - 1])) colon--;
      this.nameEnd = colon;
    } else {
      this.nameEnd = colon > start && block[colon - 1] === CR ? colon - 1 : colon;
      this.valueStart = this.nameEnd;
    }
    while (lineEnd + 1 < length && isBlank(block[lineEnd + 1])) {
      lineEnd = block.indexOf(LF, lineEnd + 2);
      if (lineEnd === -1) lineEnd = length;
    }
    this.end = Math.min(lineEnd + 1, length);
    return true;
  }

  /** The name as written, one character per byte. */
  name(): string {
    return this.block.toString('latin1', this.start, this.nameEnd);
  }

  /** The value, unfolded and trimmed, one character per byte. */
  value(): string {
    return unfold(this.block.toString('latin1', this.valueStart, this.end));
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB;
}

/** The fields of a header block in their order; the blank line and what follows it are left out. */
export function* headerFields(block: Uint8Array): Generator<HeaderField, void, undefined> {
  const scanner = new HeaderScanner(block);
  while (scanner.next()) {
    yield { name: scanner.name(), start: scanner.start, valueStart: scanner.valueStart, end: scanner.end };
  }
}

/** Values of every field of that name (any case), unfolded and trimmed, one character per byte, in their order. */
export function headerValues(block: Uint8Array, name: string): string[] {
  const wanted = name.toLowerCase();
  const scanner = new HeaderScanner(block);
  const values: string[] = [];
  while (scanner.next()) {
    if (scanner.nameEnd - scanner.start !== wanted.length) continue;
    if (scanner.name().toLowerCase() === wanted) values.push(scanner.value());
  }
  return values;
}

/** Takes the line endings out of a folded value (RFC 5322 section 2.2.3) and trims it. */
export function unfold(value: string): string {
  const trimmed = trim(value);
  return trimmed.includes('\n') ? trimmed.replace(/\r?\n/g, '') : trimmed;
}

/** Trims space, tab, CR and LF: in header bytes read as latin1, 0xA0 is part of a character and must stay. */
function trim(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isSpace(value.charCodeAt(start))) start++;
  while (end > start && isSpace(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === SPACE || code === LF || code === CR || code === TAB;
}

const END = Buffer.from('\r\n');

/** The choice that BODY[HEADER.FIELDS (names)], or with `not` BODY[HEADER.FIELDS.NOT (names)], makes of a header. */
export class HeaderFilter {
  readonly #names: readonly Buffer[];
  readonly #not: boolean;

  constructor(names: readonly string[], not = false) {
    this.#names = names.map((name) => Buffer.from(name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())));
    this.#not = not;
  }

  /**
   * The header that is shown (RFC 9051 section 6.4.5.1): the chosen fields byte for byte, in the message's order, ended by a
   * blank line.
   */
  select(header: Uint8Array): Buffer {
    const scanner = new HeaderScanner(header);
    const { block } = scanner;
    // Neighbours are copied as one piece: where it begins and ends, and the next one.
    const pieces: number[] = [];
    let from = 0;
    let to = 0;
    let size = 0;
    while (scanner.next()) {
      if (this.#names.some((name) => isNamed(scanner, name)) === this.#not) continue;
      if (scanner.start !== to) {
        if (to > from) pieces.push(from, to);
        from = scanner.start;
      }
      to = scanner.end;
      size += to - scanner.start;
    }
    if (to > from) pieces.push(from, to);
    // A last line cut short by the end of the message must not swallow the blank line.
    const cutShort = to > 0 && block[to - 1] !== LF;
    const selected = Buffer.allocUnsafe(size + (cutShort ? 2 : 1) * END.length);
    let at = 0;
    for (let i = 0; i < pieces.length; i += 2) at += block.copy(selected, at, pieces[i], pieces[i + 1]);
    if (cutShort) at += END.copy(selected, at);
    END.copy(selected, at);
    return selected;
  }
}

/** Whether the scanner's field has a name, which is in lower case. */
function isNamed({ block, start, nameEnd }: HeaderScanner, name: Buffer): boolean {
  if (nameEnd - start !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    const octet = block[start + i]!;
    if ((octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet) !== name[i]) return false;
  }
  return true;
}
