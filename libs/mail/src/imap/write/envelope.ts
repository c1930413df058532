import type { StructureCursor } from '../../mime/structure-cursor.ts';
import { addressCount, locateEnvelope, NOWHERE } from '../../mime/structure-places.ts';
import type { ByteWriter } from './byte-writer.ts';

const SPACE = 0x20;
const OPEN = 0x28;
const CLOSE = 0x29;

/**
 * The value of ENVELOPE (RFC 9051 section 7.5.2), from a cursor at a stored envelope to the octets of the wire: no object
 * and no string is made on the way. Throws a StructureError.
 */
export function writeEnvelope(writer: ByteWriter, cursor: StructureCursor): void {
  const places = locateEnvelope(cursor);
  const end = cursor.at;
  writer.byte(OPEN);
  writeStringAt(writer, cursor, places.date);
  writer.byte(SPACE);
  writeStringAt(writer, cursor, places.subject);
  writer.byte(SPACE);
  writeAddresses(writer, cursor, places.from);
  writeAddresses(writer, cursor, places.sender);
  writeAddresses(writer, cursor, places.replyTo);
  writeAddresses(writer, cursor, places.to);
  writeAddresses(writer, cursor, places.cc);
  writeAddresses(writer, cursor, places.bcc);
  writeStringAt(writer, cursor, places.inReplyTo);
  writer.byte(SPACE);
  writeStringAt(writer, cursor, places.messageId);
  writer.byte(CLOSE);
  cursor.at = end;
}

/** nstring: the one at a place. */
export function writeStringAt(writer: ByteWriter, cursor: StructureCursor, place: number): void {
  cursor.at = place;
  if (place === NOWHERE) writer.nil();
  else writeNext(writer, cursor);
}

/** nstring: the one that the cursor is at. */
export function writeNext(writer: ByteWriter, cursor: StructureCursor): void {
  if (cursor.optional()) writer.stringOf(cursor.source, cursor.from, cursor.to);
  else writer.nil();
}

/** Addresses, and a space. */
function writeAddresses(writer: ByteWriter, cursor: StructureCursor, place: number): void {
  cursor.at = place;
  const count = place === NOWHERE ? 0 : addressCount(cursor);
  if (count === 0) {
    writer.nil().byte(SPACE);
    return;
  }
  writer.byte(OPEN);
  for (let left = count; left > 0; left--) {
    writer.byte(OPEN);
    writeNext(writer, cursor);
    writer.byte(SPACE);
    writeNext(writer, cursor);
    writer.byte(SPACE);
    writeNext(writer, cursor);
    writer.byte(SPACE);
    writeNext(writer, cursor);
    writer.byte(CLOSE);
  }
  writer.byte(CLOSE).byte(SPACE);
}
