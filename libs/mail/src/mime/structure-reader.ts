import { isReadable } from '../format-version.ts';
import { bufferOf } from './header-field.ts';
import type { ParsedMessage } from './message-parser.ts';
import { StructureError } from './structure-error.ts';
import {
  HAS_COPIES,
  HAS_DISPOSITION,
  HAS_FIELDS,
  HAS_LINES,
  HAS_MESSAGE,
  HAS_PARTS,
  MAX_DEPTH,
  REPLY_TO_IS_FROM,
  SENDER_IS_FROM,
  STRUCTURE_VERSION,
  WORDS,
} from './structure-format.ts';
import type { Envelope, EnvelopeAddress, MimePart } from './types.ts';

/** All of it. Throws StructureError where the bytes are not of `encodeStructure`. */
export function decodeStructure(bytes: Uint8Array): ParsedMessage {
  const { size, envelope, structure } = sections(bytes);
  return { size, envelope: readEnvelope(envelope), root: readRoot(structure) };
}

/** Only the envelope; the structure is not looked at. Throws StructureError. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  return readEnvelope(sections(bytes).envelope);
}

/** Only the parts; the envelope is not looked at. Throws StructureError. */
export function decodeParts(bytes: Uint8Array): MimePart {
  return readRoot(sections(bytes).structure);
}

function sections(bytes: Uint8Array): { size: number; envelope: string; structure: string } {
  const version = bytes[0];
  if (version === undefined) throw new StructureError('corrupt', 'The stored structure is empty.');
  if (!isReadable(version, STRUCTURE_VERSION)) {
    if (version < STRUCTURE_VERSION) throw corrupt();
    throw new StructureError(
      'newer-version',
      `The stored structure has version ${version}; ${STRUCTURE_VERSION} is known.`,
    );
  }
  // One string for all: cutting pieces from it is far cheaper than making each from the bytes.
  const reader = new StructureReader(bufferOf(bytes).toString('latin1', 1));
  const size = reader.number();
  const envelope = reader.section();
  const structure = reader.section();
  // What a newer revision appended is not ours to know.
  if (version <= STRUCTURE_VERSION) reader.end();
  return { size, envelope, structure };
}

function readEnvelope(section: string): Envelope {
  const reader = new StructureReader(section);
  const envelope = reader.envelope();
  reader.end();
  return envelope;
}

function readRoot(section: string): MimePart {
  const reader = new StructureReader(section);
  const root = reader.part(0, 0);
  reader.end();
  return root;
}

function corrupt(): StructureError {
  return new StructureError('corrupt', 'The stored structure is damaged.');
}

class StructureReader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  end(): void {
    if (this.at !== this.text.length) throw corrupt();
  }

  section(): string {
    return this.take(this.number());
  }

  number(): number {
    const { text } = this;
    let value = 0;
    let factor = 1;
    for (;;) {
      // Beyond the end this is NaN, which no comparison below takes for a byte.
      const byte = text.charCodeAt(this.at++);
      if (byte < 128) {
        value += byte * factor;
        break;
      }
      if (!(byte < 256) || factor > 2 ** 42) throw corrupt();
      value += (byte - 128) * factor;
      factor *= 128;
    }
    if (value > Number.MAX_SAFE_INTEGER) throw corrupt();
    return value;
  }

  /** How many entries follow, each of at least `least` bytes: a count that cannot be true must not cost memory. */
  private count(least: number): number {
    const count = this.number();
    if (count * least > this.text.length - this.at) throw corrupt();
    return count;
  }

  private take(length: number): string {
    const start = this.at;
    if (length > this.text.length - start) throw corrupt();
    this.at = start + length;
    return this.text.slice(start, this.at);
  }

  private optional(): string | undefined {
    const number = this.number();
    if (number === 0) return undefined;
    if (number % 2 === 1) return this.take((number - 1) / 2);
    const word = WORDS[(number - 2) / 2];
    if (word === undefined) throw corrupt();
    return word;
  }

  private string(): string {
    const value = this.optional();
    if (value === undefined) throw corrupt();
    return value;
  }

  envelope(): Envelope {
    const flags = this.number();
    const date = this.optional();
    const subject = this.optional();
    const messageId = this.optional();
    const from = this.addresses();
    const sender = (flags & SENDER_IS_FROM) !== 0 ? from : this.addresses();
    const replyTo = (flags & REPLY_TO_IS_FROM) !== 0 ? from : this.addresses();
    const to = this.addresses();
    const hasCopies = (flags & HAS_COPIES) !== 0;
    const cc = hasCopies ? this.addresses() : [];
    const bcc = hasCopies ? this.addresses() : [];
    const inReplyTo = hasCopies ? this.optional() : undefined;
    return { date, subject, from, sender, replyTo, to, cc, bcc, inReplyTo, messageId };
  }

  private addresses(): EnvelopeAddress[] {
    const addresses: EnvelopeAddress[] = [];
    for (let left = this.count(4); left > 0; left--) {
      const name = this.optional();
      const adl = this.optional();
      const mailbox = this.optional();
      addresses.push({ name, adl, mailbox, host: this.optional() });
    }
    return addresses;
  }

  part(origin: number, depth: number): MimePart {
    if (depth > MAX_DEPTH) throw corrupt();
    const flags = this.number();
    const type = this.string();
    const subtype = this.string();
    const params = this.parameters();
    const encoding = this.string();
    const headerStart = origin + this.number();
    const bodyStart = headerStart + this.number();
    const bodyEnd = bodyStart + this.number();
    if (bodyEnd > Number.MAX_SAFE_INTEGER) throw corrupt();
    const lines = (flags & HAS_LINES) !== 0 ? this.number() : 0;
    const part: MimePart = {
      type,
      subtype,
      params,
      id: undefined,
      description: undefined,
      encoding,
      md5: undefined,
      disposition: undefined,
      language: [],
      location: undefined,
      headerStart,
      bodyStart,
      bodyEnd,
      lines,
      parts: [],
      message: undefined,
    };
    if ((flags & HAS_FIELDS) !== 0) this.fields(part);
    if ((flags & HAS_DISPOSITION) !== 0) part.disposition = { type: this.string(), params: this.parameters() };
    if ((flags & HAS_PARTS) !== 0) {
      let before = bodyStart;
      for (let left = this.count(8); left > 0; left--) {
        const child = this.part(before, depth + 1);
        part.parts.push(child);
        before = child.bodyEnd;
      }
    }
    if ((flags & HAS_MESSAGE) !== 0)
      part.message = { envelope: this.envelope(), root: this.part(bodyStart, depth + 1) };
    return part;
  }

  private fields(part: MimePart): void {
    part.id = this.optional();
    part.description = this.optional();
    part.md5 = this.optional();
    part.location = this.optional();
    for (let left = this.count(1); left > 0; left--) part.language.push(this.string());
  }

  private parameters(): [string, string][] {
    const params: [string, string][] = [];
    for (let left = this.count(2); left > 0; left--) params.push([this.string(), this.string()]);
    return params;
  }
}
