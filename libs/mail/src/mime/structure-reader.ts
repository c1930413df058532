import { isReadable } from '../format-version.ts';
import { bufferOf } from './header-field.ts';
import type { ParsedMessage } from './message-parser.ts';
import type { MessageParts } from './section.ts';
import { corrupt, StructureCursor } from './structure-cursor.ts';
import { StructureError } from './structure-error.ts';
import { STRUCTURE_VERSION, WORDS } from './structure-format.ts';
import {
  addressCount,
  locateEnvelope,
  locatePart,
  NOWHERE,
  type PartPlaces,
  parameterCount,
} from './structure-places.ts';
import type { Envelope, EnvelopeAddress, MimePart } from './types.ts';

/** All of it. Throws StructureError where the bytes are not of `encodeStructure`. */
export function decodeStructure(bytes: Uint8Array): ParsedMessage {
  const stored = new StoredStructure(bytes);
  return { size: stored.size, envelope: readEnvelope(stored), root: stored.root };
}

/** Only the envelope; the structure is not looked at. Throws StructureError. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  return readEnvelope(new StoredStructure(bytes));
}

/** Only the parts; the envelope is not looked at. Throws StructureError. */
export function decodeParts(bytes: Uint8Array): MimePart {
  return new StoredStructure(bytes).root;
}

/** Stored octets whose sections were found, and nothing else looked at. What is asked for may throw a StructureError. */
export class StoredStructure implements MessageParts {
  readonly octets: Uint8Array;
  /** Octets of the message. */
  readonly size: number;
  /** Where the sections begin and end. */
  readonly #envelope: number;
  readonly #envelopeEnd: number;
  readonly #parts: number;
  readonly #partsEnd: number;
  #root: MimePart | undefined;

  /** Throws a StructureError. */
  constructor(octets: Uint8Array) {
    const version = checkedVersion(octets);
    const cursor = new StructureCursor(octets, 1, octets.length);
    this.octets = octets;
    this.size = cursor.number();
    this.#envelope = cursor.section();
    this.#envelopeEnd = cursor.at;
    this.#parts = cursor.section();
    this.#partsEnd = cursor.at;
    // What a newer revision appended is not ours to know.
    if (version <= STRUCTURE_VERSION) requireEnd(cursor);
  }

  /** At the envelope. */
  envelope(): StructureCursor {
    return new StructureCursor(this.octets, this.#envelope, this.#envelopeEnd);
  }

  /** Of the root part; the parts in it are not looked at. */
  get offsets(): MessageParts['offsets'] {
    return locatePart(this.parts(), 0, 0);
  }

  get root(): MimePart {
    this.#root ??= readRoot(this);
    return this.#root;
  }

  /** At the root part, whose distances count from 0. */
  parts(): StructureCursor {
    return new StructureCursor(this.octets, this.#parts, this.#partsEnd);
  }
}

function checkedVersion(octets: Uint8Array): number {
  const version = octets[0];
  if (version === undefined) throw new StructureError('corrupt', 'The stored structure is empty.');
  if (isReadable(version, STRUCTURE_VERSION)) return version;
  if (version < STRUCTURE_VERSION) throw corrupt();
  throw new StructureError(
    'newer-version',
    `The stored structure has version ${version}; ${STRUCTURE_VERSION} is known.`,
  );
}

/** Nothing is left of what the cursor walks over. Throws StructureError. */
export function requireEnd(cursor: StructureCursor): void {
  if (cursor.at !== cursor.end) throw corrupt();
}

function readEnvelope(stored: StoredStructure): Envelope {
  const cursor = stored.envelope();
  const envelope = new ObjectReader(cursor).envelope();
  requireEnd(cursor);
  return envelope;
}

function readRoot(stored: StoredStructure): MimePart {
  const cursor = stored.parts();
  const root = new ObjectReader(cursor).part(0, 0);
  requireEnd(cursor);
  return root;
}

class ObjectReader {
  private readonly cursor: StructureCursor;
  private readonly first: number;
  /** One string for all: cutting pieces from it is far cheaper than making each from the bytes. */
  private readonly text: string;

  constructor(cursor: StructureCursor) {
    this.cursor = cursor;
    this.first = cursor.at;
    this.text = bufferOf(cursor.octets).toString('latin1', cursor.at, cursor.end);
  }

  /** The string that the cursor passed last. */
  private passed(): string {
    const { word, from, to } = this.cursor;
    return word < 0 ? this.text.slice(from - this.first, to - this.first) : WORDS[word]!;
  }

  private next(): string | undefined {
    return this.cursor.optional() ? this.passed() : undefined;
  }

  private string(place: number): string | undefined {
    if (place === NOWHERE) return undefined;
    this.cursor.at = place;
    return this.next();
  }

  envelope(): Envelope {
    const { cursor } = this;
    const places = locateEnvelope(cursor);
    const end = cursor.at;
    const from = this.addresses(places.from);
    const envelope = {
      date: this.string(places.date),
      subject: this.string(places.subject),
      from,
      sender: places.sender === places.from ? from : this.addresses(places.sender),
      replyTo: places.replyTo === places.from ? from : this.addresses(places.replyTo),
      to: this.addresses(places.to),
      cc: this.addresses(places.cc),
      bcc: this.addresses(places.bcc),
      inReplyTo: this.string(places.inReplyTo),
      messageId: this.string(places.messageId),
    };
    cursor.at = end;
    return envelope;
  }

  private addresses(place: number): EnvelopeAddress[] {
    const addresses: EnvelopeAddress[] = [];
    if (place === NOWHERE) return addresses;
    this.cursor.at = place;
    for (let left = addressCount(this.cursor); left > 0; left--) {
      const name = this.next();
      const adl = this.next();
      const mailbox = this.next();
      addresses.push({ name, adl, mailbox, host: this.next() });
    }
    return addresses;
  }

  part(origin: number, depth: number): MimePart {
    const { cursor } = this;
    const places = locatePart(cursor, origin, depth);
    const children = cursor.at;
    const part = this.ownOf(places);
    cursor.at = children;
    let before = places.bodyStart;
    for (let left = places.parts; left > 0; left--) {
      const child = this.part(before, depth + 1);
      part.parts.push(child);
      before = child.bodyEnd;
    }
    if (places.hasMessage) part.message = { envelope: this.envelope(), root: this.part(places.bodyStart, depth + 1) };
    return part;
  }

  private ownOf(places: PartPlaces): MimePart {
    return {
      type: this.string(places.type)!,
      subtype: this.string(places.subtype)!,
      params: this.parameters(places.params),
      id: this.string(places.id),
      description: this.string(places.description),
      encoding: this.string(places.encoding)!,
      md5: this.string(places.md5),
      disposition: this.disposition(places.disposition),
      language: this.languages(places.language),
      location: this.string(places.location),
      headerStart: places.headerStart,
      bodyStart: places.bodyStart,
      bodyEnd: places.bodyEnd,
      lines: places.lines,
      parts: [],
      message: undefined,
    };
  }

  private disposition(place: number): MimePart['disposition'] {
    const type = this.string(place);
    return type === undefined ? undefined : { type, params: this.parameters(this.cursor.at) };
  }

  private languages(place: number): string[] {
    const languages: string[] = [];
    if (place === NOWHERE) return languages;
    this.cursor.at = place;
    for (let left = this.cursor.count(1); left > 0; left--) languages.push(this.next()!);
    return languages;
  }

  private parameters(place: number): [string, string][] {
    const params: [string, string][] = [];
    this.cursor.at = place;
    for (let left = parameterCount(this.cursor); left > 0; left--) params.push([this.next()!, this.next()!]);
    return params;
  }
}
