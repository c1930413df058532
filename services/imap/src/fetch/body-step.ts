import {
  ByteWriter,
  type FetchBinary,
  type FetchBinarySize,
  type FetchSection,
  findPart,
  HeaderFilter,
  type MessageParts,
  type MimePart,
  resolveSection,
  type TransferDecoder,
  transferDecoder,
  writeFetchName,
  writeLiteralHeader,
} from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import type { BodyReader, WantedRange } from './body-reader.ts';
import type { MessageOutput } from './message-output.ts';
import type { NamedSection } from './plan.ts';

/** A part's transfer encoding is not known (RFC 3516 section 4.3). */
export class UnknownEncoding extends Error {}

/** An item of the command whose value is in bodies. */
export interface BodyItem {
  /** The item's name and the space behind it. */
  readonly name: Buffer;
  /** What one message takes. May throw an UnknownEncoding. */
  step(blobId: Uint8Array, parts: MessageParts): BodyStep;
}

/** One item of one message's response. */
export interface BodyStep {
  /** Ranges to read, in this order. */
  readonly ranges: readonly WantedRange[];
  /** Writes the value. It announces octets only when the first of them are there. */
  write(reader: BodyReader, out: MessageOutput): Promise<void> | undefined;
}

/** Encoded parts up to this size are decoded as a whole; larger ones are read twice, as their size comes first. */
const DECODE_WHOLE = 256 * 1024;

/** A value that is known without a look into the body. */
function known(value: string): BodyStep {
  const octets = Buffer.from(value, 'latin1');
  return { ranges: [], write: (_reader, out) => out.add(octets) };
}

const NIL = known('NIL');
const EMPTY = known('""');

function nameOf(item: Parameters<typeof writeFetchName>[1], given?: string): Buffer {
  const out = new ByteWriter();
  if (given === undefined) writeFetchName(out, item);
  else out.raw(given);
  return out.byte(0x20).take();
}

/** BODY[section], RFC822 and its like (RFC 9051 section 7.5.2). */
export function sectionItem({ item, name }: NamedSection): BodyItem {
  const { section, partial } = item;
  const filter = new HeaderFilter(section.fields, section.text === 'HEADER.FIELDS.NOT');
  return {
    name: nameOf(item, name),
    step(blobId, parts) {
      const found = resolveSection(parts, section);
      if (found === undefined) return NIL;
      if (found.filter !== undefined) return fieldsStep(blobId, found, filter, partial);
      const start = Math.min(found.end, found.start + (partial?.offset ?? 0));
      const end = partial === undefined ? found.end : Math.min(found.end, start + partial.length);
      return start >= end ? EMPTY : octetsStep({ blobId, start, end });
    },
  };
}

function fieldsStep(
  blobId: Uint8Array,
  { start, end }: { start: number; end: number },
  filter: HeaderFilter,
  partial: FetchSection['partial'],
): BodyStep {
  return {
    ranges: start === end ? [] : [{ blobId, start, end }],
    async write(reader, out) {
      const header = start === end ? Buffer.alloc(0) : await reader.readAll();
      const wanted = cut(filter.select(header), partial);
      writeLiteralHeader(out.octets, wanted.length);
      await out.add(wanted);
    },
  };
}

function octetsStep(range: WantedRange): BodyStep {
  const size = range.end - range.start;
  return {
    ranges: [range],
    async write(reader, out) {
      reader.next();
      let piece = await reader.read();
      writeLiteralHeader(out.octets, size);
      let octets = 0;
      for (; piece !== undefined; piece = await reader.read()) {
        octets += piece.length;
        if (octets > size) break;
        const waiting = out.add(piece);
        if (waiting !== undefined) await waiting;
      }
      requireOctets(octets, size);
    },
  };
}

function requireOctets(octets: number, announced: number): void {
  if (octets !== announced)
    throw new StoaError('data-loss', `a body has ${octets} octets where ${announced} were announced`);
}

function cut(octets: Buffer, partial: FetchBinary['partial']): Buffer {
  return partial === undefined ? octets : octets.subarray(partial.offset, partial.offset + partial.length);
}

/** What a BINARY item names, and its encoding. */
interface BinaryPart {
  start: number;
  end: number;
  newDecoder(): TransferDecoder;
  /** Decoding leaves it as it is. */
  isPlain: boolean;
}

/** The whole message has no encoding of its own. Throws an UnknownEncoding. */
function binaryPart(root: MimePart, path: readonly number[]): BinaryPart | undefined {
  const part = path.length === 0 ? root : findPart(root, path);
  if (part === undefined) return undefined;
  const encoding = path.length === 0 ? '8bit' : part.encoding;
  const newDecoder = () => {
    const decoder = transferDecoder(encoding);
    if (decoder === undefined) throw new UnknownEncoding();
    return decoder;
  };
  newDecoder();
  return {
    start: path.length === 0 ? part.headerStart : part.bodyStart,
    end: part.bodyEnd,
    newDecoder,
    isPlain: encoding !== 'base64' && encoding !== 'quoted-printable',
  };
}

/** BINARY[part] (RFC 3516 section 4.2). */
export function binaryItem(item: FetchBinary): BodyItem {
  return {
    name: nameOf(item),
    step(blobId, parts) {
      const part = binaryPart(parts.root, item.part);
      if (part === undefined) return NIL;
      const { start, end } = part;
      if (start >= end) return EMPTY;
      const range = { blobId, start, end };
      if (end - start > DECODE_WHOLE)
        return { ranges: [range, range], write: (reader, out) => writeInTwoPasses(reader, out, part, item.partial) };
      return { ranges: [range], write: (reader, out) => writeWhole(reader, out, part, item.partial) };
    },
  };
}

async function writeWhole(
  reader: BodyReader,
  out: MessageOutput,
  part: BinaryPart,
  partial: FetchBinary['partial'],
): Promise<void> {
  const pieces: Uint8Array[] = [];
  for await (const piece of decodedPieces(reader, part)) pieces.push(Buffer.from(piece));
  const wanted = cut(Buffer.concat(pieces), partial);
  writeLiteralHeader(out.octets, wanted.length, wanted.includes(0));
  await out.add(wanted);
}

/** Once to learn the size and whether there is a NUL, once to send. */
async function writeInTwoPasses(
  reader: BodyReader,
  out: MessageOutput,
  part: BinaryPart,
  partial: FetchBinary['partial'],
): Promise<void> {
  let size = 0;
  let hasNul = false;
  for await (const piece of wantedPieces(reader, part, partial)) {
    size += piece.length;
    hasNul ||= piece.includes(0);
  }
  const pieces = wantedPieces(reader, part, partial)[Symbol.asyncIterator]();
  let step = await pieces.next();
  writeLiteralHeader(out.octets, size, hasNul);
  let octets = 0;
  for (; step.done !== true; step = await pieces.next()) {
    octets += step.value.length;
    if (octets > size) break;
    await out.add(Buffer.from(step.value));
  }
  requireOctets(octets, size);
}

async function* wantedPieces(
  reader: BodyReader,
  part: BinaryPart,
  partial: FetchBinary['partial'],
): AsyncGenerator<Uint8Array> {
  const first = partial?.offset ?? 0;
  const last = partial === undefined ? Number.POSITIVE_INFINITY : first + partial.length;
  let at = 0;
  for await (const piece of decodedPieces(reader, part)) {
    const wanted = piece.subarray(Math.max(0, first - at), Math.max(0, last - at));
    at += piece.length;
    if (wanted.length > 0) yield wanted;
    if (at >= last) return;
  }
}

/** The next range, decoded. A piece may be changed when the next is asked for. */
async function* decodedPieces(reader: BodyReader, part: BinaryPart): AsyncGenerator<Uint8Array> {
  const decoder = part.newDecoder();
  reader.next();
  for (let piece = await reader.read(); piece !== undefined; piece = await reader.read()) yield decoder.push(piece);
  yield decoder.finish();
}

/** BINARY.SIZE[part] (RFC 3516 section 4.3): decoded, as the size of the encoded part does not tell. */
export function binarySizeItem(item: FetchBinarySize): BodyItem {
  return {
    name: nameOf(item),
    step(blobId, parts) {
      const part = binaryPart(parts.root, item.part);
      const size = part === undefined ? 0 : Math.max(0, part.end - part.start);
      if (part === undefined || size === 0 || part.isPlain) return known(String(size));
      return {
        ranges: [{ blobId, start: part.start, end: part.end }],
        async write(reader, out) {
          let octets = 0;
          for await (const piece of decodedPieces(reader, part)) octets += piece.length;
          out.octets.number(octets);
        },
      };
    },
  };
}
