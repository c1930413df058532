import type { TextDecoder } from 'node:util';
import { charsetDecoder } from './charset.ts';
import { decodeHeaderText } from './encoded-word.ts';
import { bufferOf, HeaderScanner } from './header-field.ts';
import { HtmlText } from './html-text.ts';
import { parameter } from './parameters.ts';
import { type TransferDecoder, transferDecoder } from './transfer-decoder.ts';
import type { MimePart } from './types.ts';

export interface TextOptions {
  /** Also the headers of the message, its parts and embedded messages, as SEARCH TEXT wants; SEARCH BODY does not. */
  headers?: boolean;
}

/** A place in the message that holds text. */
export interface TextRange {
  kind: 'header' | 'body';
  part: MimePart;
  /** First byte, and one past the last. */
  start: number;
  end: number;
}

/** Decoded text. Pieces of one range follow each other; matches may span them but not ranges. */
export interface TextPiece {
  range: TextRange;
  text: string;
}

/** Bytes of one header that are decoded. */
const MAX_HEADER = 1 << 20;

/**
 * Where a message's text is, in ascending order without overlap: bodies of text/* and of message/* that is not looked
 * into, and headers where asked for. The rest of the message need not be read.
 */
export function textRanges(root: MimePart, options: TextOptions = {}): TextRange[] {
  const ranges: TextRange[] = [];
  const visit = (part: MimePart) => {
    if (options.headers === true) addRange(ranges, 'header', part, part.headerStart, part.bodyStart);
    for (const child of part.parts) visit(child);
    if (part.message !== undefined) visit(part.message.root);
    else if (part.type === 'text' || part.type === 'message')
      addRange(ranges, 'body', part, part.bodyStart, part.bodyEnd);
  };
  visit(root);
  return ranges;
}

function addRange(ranges: TextRange[], kind: TextRange['kind'], part: MimePart, start: number, end: number): void {
  if (end > start) ranges.push({ kind, part, start, end });
}

/**
 * Decodes a message's text while its bytes go by. Chunks must come in ascending order of offset; bytes outside of the
 * ranges may be left out. It holds no more than one header.
 */
export class TextExtractor {
  private readonly ranges: TextRange[];
  private index = 0;
  private reader: RangeReader | undefined;

  constructor(root: MimePart, options: TextOptions = {}) {
    this.ranges = textRanges(root, options);
  }

  /** True when no more text can come. */
  get isDone(): boolean {
    return this.index >= this.ranges.length;
  }

  /** Takes the bytes that stand at `offset` of the message. */
  push(offset: number, chunk: Uint8Array): TextPiece[] {
    const pieces: TextPiece[] = [];
    const chunkEnd = offset + chunk.length;
    for (let range = this.ranges[this.index]; range !== undefined && range.start < chunkEnd; ) {
      const from = Math.max(range.start, offset);
      const to = Math.min(range.end, chunkEnd);
      if (to > from) {
        this.reader ??= readerOf(range);
        give(pieces, range, this.reader.push(bufferOf(chunk).subarray(from - offset, to - offset)));
      }
      if (chunkEnd < range.end) break;
      this.endRange(pieces, range);
      range = this.ranges[this.index];
    }
    return pieces;
  }

  /** What was held back, at the message's end. */
  finish(): TextPiece[] {
    const pieces: TextPiece[] = [];
    const range = this.ranges[this.index];
    if (range !== undefined) this.endRange(pieces, range);
    this.index = this.ranges.length;
    return pieces;
  }

  private endRange(pieces: TextPiece[], range: TextRange): void {
    if (this.reader !== undefined) give(pieces, range, this.reader.finish());
    this.reader = undefined;
    this.index++;
  }
}

/** Decodes the text of a message that comes whole, from its first byte on. Reading ends with the last text. */
export async function* extractText(
  root: MimePart,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: TextOptions = {},
): AsyncGenerator<TextPiece, void, undefined> {
  const extractor = new TextExtractor(root, options);
  if (extractor.isDone) return;
  let offset = 0;
  for await (const chunk of source) {
    yield* extractor.push(offset, chunk);
    offset += chunk.length;
    if (extractor.isDone) return;
  }
  yield* extractor.finish();
}

function give(pieces: TextPiece[], range: TextRange, text: string): void {
  if (text !== '') pieces.push({ range, text });
}

interface RangeReader {
  push(bytes: Buffer): string;
  finish(): string;
}

function readerOf(range: TextRange): RangeReader {
  return range.kind === 'header' ? new HeaderReader() : new BodyReader(range.part);
}

/** Gathers a header and decodes it as a whole, a line for each field. */
class HeaderReader implements RangeReader {
  private readonly chunks: Buffer[] = [];
  private length = 0;

  push(bytes: Buffer): string {
    const kept = bytes.subarray(0, MAX_HEADER - this.length);
    if (kept.length > 0) this.chunks.push(Buffer.from(kept));
    this.length += kept.length;
    return '';
  }

  finish(): string {
    const scanner = new HeaderScanner(Buffer.concat(this.chunks));
    const lines: string[] = [];
    while (scanner.next()) lines.push(`${decodeHeaderText(scanner.name())}: ${decodeHeaderText(scanner.value())}\n`);
    return lines.join('');
  }
}

class BodyReader implements RangeReader {
  private readonly transfer: TransferDecoder | undefined;
  private readonly charset: TextDecoder;
  private readonly html: HtmlText | undefined;

  constructor(part: MimePart) {
    this.transfer = transferDecoder(part.encoding);
    this.charset = charsetDecoder(parameter(part.params, 'charset') ?? 'utf-8');
    this.html = part.type === 'text' && part.subtype === 'html' ? new HtmlText() : undefined;
  }

  push(bytes: Buffer): string {
    const text = this.charset.decode(this.transfer?.push(bytes) ?? bytes, { stream: true });
    return this.html?.push(text) ?? text;
  }

  finish(): string {
    const rest = this.transfer?.finish();
    const text = this.charset.decode(rest, { stream: true }) + this.charset.decode();
    return this.html === undefined ? text : this.html.push(text) + this.html.finish();
  }
}
