import type { StructureCursor } from '../../mime/structure-cursor.ts';
import { locateEnvelope, locatePart, NOWHERE, type PartPlaces, parameterCount } from '../../mime/structure-places.ts';
import type { ByteWriter } from './byte-writer.ts';
import { writeEnvelope, writeNext, writeStringAt } from './envelope.ts';

const SPACE = 0x20;
const OPEN = 0x28;
const CLOSE = 0x29;

/** Stands where the grammar asks for a body and the message has none. */
const EMPTY_TEXT = '("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0)';
const EMPTY_ENVELOPE = '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)';

/**
 * The value of BODYSTRUCTURE, or of BODY when not `extended` (RFC 9051 section 7.5.2), from a cursor at a stored part to the
 * octets of the wire. Throws a StructureError.
 */
export function writeBodyStructure(writer: ByteWriter, cursor: StructureCursor, extended: boolean): void {
  writePart(writer, cursor, extended, 0, 0);
}

/** Writes the part and goes over it; returns the offset where its body ends. */
function writePart(
  writer: ByteWriter,
  cursor: StructureCursor,
  extended: boolean,
  origin: number,
  depth: number,
): number {
  const part = locatePart(cursor, origin, depth);
  const children = cursor.at;
  const isMultipart = hasName(cursor, part.type, 'multipart');
  writer.byte(OPEN);
  if (!isMultipart) writeFields(writer, cursor, part);
  cursor.at = children;
  let before = part.bodyStart;
  for (let left = part.parts; left > 0; left--) {
    if (isMultipart) before = writePart(writer, cursor, extended, before, depth + 1);
    else before = passPart(cursor, before, depth + 1);
  }
  if (isMultipart) {
    if (part.parts === 0) writer.raw(EMPTY_TEXT);
    if (part.hasMessage) passMessage(cursor, part.bodyStart, depth + 1);
  } else writeMessageAndLines(writer, cursor, part, extended, depth);
  const end = cursor.at;
  if (isMultipart) {
    writer.byte(SPACE);
    writeStringAt(writer, cursor, part.subtype);
  }
  if (extended) writeExtension(writer, cursor, part, isMultipart);
  writer.byte(CLOSE);
  cursor.at = end;
  return part.bodyEnd;
}

/** Type to size of a part that is no multipart. */
function writeFields(writer: ByteWriter, cursor: StructureCursor, part: PartPlaces): void {
  writeStringAt(writer, cursor, part.type);
  writer.byte(SPACE);
  writeStringAt(writer, cursor, part.subtype);
  writer.byte(SPACE);
  writeParams(writer, cursor, part.params);
  writer.byte(SPACE);
  writeStringAt(writer, cursor, part.id);
  writer.byte(SPACE);
  writeStringAt(writer, cursor, part.description);
  writer.byte(SPACE);
  cursor.at = part.encoding;
  cursor.string();
  if (cursor.from === cursor.to) writer.raw('"7BIT"');
  else writer.stringOf(cursor.source, cursor.from, cursor.to);
  writer.byte(SPACE).number(part.bodyEnd - part.bodyStart);
}

/** What stands behind the size. The cursor is where an embedded message would be, and goes over it. */
function writeMessageAndLines(
  writer: ByteWriter,
  cursor: StructureCursor,
  part: PartPlaces,
  extended: boolean,
  depth: number,
): void {
  if (part.hasMessage) {
    writer.byte(SPACE);
    writeEnvelope(writer, cursor);
    writer.byte(SPACE);
    writePart(writer, cursor, extended, part.bodyStart, depth + 1);
    writer.byte(SPACE).number(part.lines);
    return;
  }
  const end = cursor.at;
  if (hasName(cursor, part.type, 'message') && hasName(cursor, part.subtype, 'rfc822')) {
    writer.byte(SPACE).raw(EMPTY_ENVELOPE).byte(SPACE).raw(EMPTY_TEXT);
    writer.byte(SPACE).number(part.lines);
  } else if (hasName(cursor, part.type, 'text')) writer.byte(SPACE).number(part.lines);
  cursor.at = end;
}

/** Whether the string at a place is a name of the registries, which are in lower case here, in any case. */
function hasName(cursor: StructureCursor, place: number, name: string): boolean {
  cursor.at = place;
  cursor.string();
  const { source, from, to } = cursor;
  if (to - from !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    const octet = source[from + i]!;
    const lower = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
    if (lower !== name.charCodeAt(i)) return false;
  }
  return true;
}

/** Goes over a part that is not shown; returns the offset where its body ends. */
function passPart(cursor: StructureCursor, origin: number, depth: number): number {
  const part = locatePart(cursor, origin, depth);
  let before = part.bodyStart;
  for (let left = part.parts; left > 0; left--) before = passPart(cursor, before, depth + 1);
  if (part.hasMessage) passMessage(cursor, part.bodyStart, depth + 1);
  return part.bodyEnd;
}

function passMessage(cursor: StructureCursor, origin: number, depth: number): void {
  locateEnvelope(cursor);
  passPart(cursor, origin, depth);
}

/** Of a multipart its parameters, else the MD5; then disposition, language and location. */
function writeExtension(writer: ByteWriter, cursor: StructureCursor, part: PartPlaces, isMultipart: boolean): void {
  writer.byte(SPACE);
  if (isMultipart) writeParams(writer, cursor, part.params);
  else writeStringAt(writer, cursor, part.md5);
  writer.byte(SPACE);
  if (part.disposition === NOWHERE) writer.nil();
  else {
    writer.byte(OPEN);
    writeStringAt(writer, cursor, part.disposition);
    writer.byte(SPACE);
    writeParams(writer, cursor, cursor.at);
    writer.byte(CLOSE);
  }
  writer.byte(SPACE);
  writeLanguage(writer, cursor, part.language);
  writer.byte(SPACE);
  writeStringAt(writer, cursor, part.location);
}

function writeLanguage(writer: ByteWriter, cursor: StructureCursor, place: number): void {
  cursor.at = place;
  const count = place === NOWHERE ? 0 : cursor.count(1);
  if (count === 0) writer.nil();
  else if (count === 1) writeNext(writer, cursor);
  else {
    writer.byte(OPEN);
    for (let i = 0; i < count; i++) {
      if (i > 0) writer.byte(SPACE);
      writeNext(writer, cursor);
    }
    writer.byte(CLOSE);
  }
}

/** Goes over them. */
function writeParams(writer: ByteWriter, cursor: StructureCursor, place: number): void {
  cursor.at = place;
  const count = parameterCount(cursor);
  if (count === 0) {
    writer.nil();
    return;
  }
  writer.byte(OPEN);
  for (let i = 0; i < count; i++) {
    if (i > 0) writer.byte(SPACE);
    writeNext(writer, cursor);
    writer.byte(SPACE);
    writeNext(writer, cursor);
  }
  writer.byte(CLOSE);
}
