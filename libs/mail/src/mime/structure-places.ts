import { corrupt, type StructureCursor } from './structure-cursor.ts';
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
} from './structure-format.ts';

/** A place of something that is not there: nothing, or an empty list. No stored string or list begins with the version. */
export const NOWHERE = 0;

/** Where the strings and address lists of a stored envelope begin. */
export interface EnvelopePlaces {
  date: number;
  subject: number;
  from: number;
  sender: number;
  replyTo: number;
  to: number;
  cc: number;
  bcc: number;
  inReplyTo: number;
  messageId: number;
}

/** Goes over an envelope. */
export function locateEnvelope(cursor: StructureCursor): EnvelopePlaces {
  const flags = cursor.number();
  const date = cursor.place('be-missing');
  const subject = cursor.place('be-missing');
  const messageId = cursor.place('be-missing');
  const from = locateAddresses(cursor);
  const sender = (flags & SENDER_IS_FROM) !== 0 ? from : locateAddresses(cursor);
  const replyTo = (flags & REPLY_TO_IS_FROM) !== 0 ? from : locateAddresses(cursor);
  const to = locateAddresses(cursor);
  const hasCopies = (flags & HAS_COPIES) !== 0;
  const cc = hasCopies ? locateAddresses(cursor) : NOWHERE;
  const bcc = hasCopies ? locateAddresses(cursor) : NOWHERE;
  const inReplyTo = hasCopies ? cursor.place('be-missing') : NOWHERE;
  return { date, subject, from, sender, replyTo, to, cc, bcc, inReplyTo, messageId };
}

/** The list itself is walked over as pairs are, by who knows its place: a count, then for each address name, adl, mailbox and host. */
function locateAddresses(cursor: StructureCursor): number {
  const start = cursor.at;
  for (let left = addressCount(cursor) * 4; left > 0; left--) cursor.optional();
  return start;
}

/** How many addresses follow; each has four strings that may be missing. */
export function addressCount(cursor: StructureCursor): number {
  return cursor.count(4);
}

/** How many parameters follow; each has two strings. */
export function parameterCount(cursor: StructureCursor): number {
  return cursor.count(2);
}

/** Where the strings and lists of a stored part begin, and its numbers. */
export interface PartPlaces {
  type: number;
  subtype: number;
  params: number;
  encoding: number;
  /** Offsets in the message, as in MimePart. */
  headerStart: number;
  bodyStart: number;
  bodyEnd: number;
  lines: number;
  /** The next four and `language` are nowhere together. */
  id: number;
  description: number;
  md5: number;
  location: number;
  /** A count, then strings. */
  language: number;
  /** A type, then parameters. */
  disposition: number;
  /** Parts that follow, the first of them where the cursor is then; behind them an embedded message. */
  parts: number;
  hasMessage: boolean;
}

/** Goes over a part, but not over the parts and the message in it. `origin`: the offset from which its distances count. */
export function locatePart(cursor: StructureCursor, origin: number, depth: number): PartPlaces {
  if (depth > MAX_DEPTH) throw corrupt();
  const flags = cursor.number();
  const type = cursor.place('not-be-missing');
  const subtype = cursor.place('not-be-missing');
  const params = locateParameters(cursor);
  const encoding = cursor.place('not-be-missing');
  const headerStart = origin + cursor.number();
  const bodyStart = headerStart + cursor.number();
  const bodyEnd = bodyStart + cursor.number();
  if (bodyEnd > Number.MAX_SAFE_INTEGER) throw corrupt();
  const places: PartPlaces = {
    type,
    subtype,
    params,
    encoding,
    headerStart,
    bodyStart,
    bodyEnd,
    lines: (flags & HAS_LINES) !== 0 ? cursor.number() : 0,
    id: NOWHERE,
    description: NOWHERE,
    md5: NOWHERE,
    location: NOWHERE,
    language: NOWHERE,
    disposition: NOWHERE,
    parts: 0,
    hasMessage: (flags & HAS_MESSAGE) !== 0,
  };
  if ((flags & HAS_FIELDS) !== 0) locateFields(cursor, places);
  if ((flags & HAS_DISPOSITION) !== 0) {
    places.disposition = cursor.place('not-be-missing');
    locateParameters(cursor);
  }
  if ((flags & HAS_PARTS) !== 0) places.parts = cursor.count(8);
  return places;
}

function locateFields(cursor: StructureCursor, places: PartPlaces): void {
  places.id = cursor.place('be-missing');
  places.description = cursor.place('be-missing');
  places.md5 = cursor.place('be-missing');
  places.location = cursor.place('be-missing');
  places.language = cursor.at;
  for (let left = cursor.count(1); left > 0; left--) cursor.string();
}

function locateParameters(cursor: StructureCursor): number {
  const start = cursor.at;
  for (let left = parameterCount(cursor) * 2; left > 0; left--) cursor.string();
  return start;
}
