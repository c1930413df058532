import type { Envelope, MimePart } from '../../mime/types.ts';
import type { ByteWriter } from './byte-writer.ts';
import { writeEnvelope } from './envelope.ts';

const SPACE = 0x20;
const OPEN = 0x28;
const CLOSE = 0x29;

/** Stands where the grammar asks for a body and the message has none. */
const EMPTY_TEXT = '("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0)';

const EMPTY_ENVELOPE: Envelope = {
  date: undefined,
  subject: undefined,
  from: [],
  sender: [],
  replyTo: [],
  to: [],
  cc: [],
  bcc: [],
  inReplyTo: undefined,
  messageId: undefined,
};

/**
 * The value of BODYSTRUCTURE, or of BODY when not `extended` (RFC 9051 section 7.5.2).
 */
export function writeBodyStructure(writer: ByteWriter, part: MimePart, extended: boolean): void {
  writer.byte(OPEN);
  if (part.type.toLowerCase() === 'multipart') writeMultipart(writer, part, extended);
  else writeSinglePart(writer, part, extended);
  writer.byte(CLOSE);
}

function writeMultipart(writer: ByteWriter, part: MimePart, extended: boolean): void {
  if (part.parts.length === 0) writer.raw(EMPTY_TEXT);
  for (const child of part.parts) writeBodyStructure(writer, child, extended);
  writer.byte(SPACE).string(part.subtype);
  if (!extended) return;
  writer.byte(SPACE);
  writeParams(writer, part.params);
  writeExtension(writer, part);
}

function writeSinglePart(writer: ByteWriter, part: MimePart, extended: boolean): void {
  const type = part.type.toLowerCase();
  writer.string(part.type).byte(SPACE).string(part.subtype).byte(SPACE);
  writeParams(writer, part.params);
  writer.byte(SPACE).nstring(part.id).byte(SPACE).nstring(part.description).byte(SPACE);
  writer.string(part.encoding === '' ? '7BIT' : part.encoding).byte(SPACE);
  writer.number(part.bodyEnd - part.bodyStart);
  if (part.message !== undefined || (type === 'message' && part.subtype.toLowerCase() === 'rfc822')) {
    writer.byte(SPACE);
    writeEnvelope(writer, part.message?.envelope ?? EMPTY_ENVELOPE);
    writer.byte(SPACE);
    if (part.message === undefined) writer.raw(EMPTY_TEXT);
    else writeBodyStructure(writer, part.message.root, extended);
    writer.byte(SPACE).number(part.lines);
  } else if (type === 'text') writer.byte(SPACE).number(part.lines);
  if (!extended) return;
  writer.byte(SPACE).nstring(part.md5);
  writeExtension(writer, part);
}

/** Disposition, language and location. */
function writeExtension(writer: ByteWriter, part: MimePart): void {
  writer.byte(SPACE);
  if (part.disposition === undefined) writer.raw('NIL');
  else {
    writer.byte(OPEN).string(part.disposition.type).byte(SPACE);
    writeParams(writer, part.disposition.params);
    writer.byte(CLOSE);
  }
  writer.byte(SPACE);
  writeLanguage(writer, part.language);
  writer.byte(SPACE).nstring(part.location);
}

function writeLanguage(writer: ByteWriter, language: readonly string[]): void {
  if (language.length <= 1) {
    writer.nstring(language[0]);
    return;
  }
  writer.byte(OPEN);
  for (let i = 0; i < language.length; i++) {
    if (i > 0) writer.byte(SPACE);
    writer.string(language[i]!);
  }
  writer.byte(CLOSE);
}

function writeParams(writer: ByteWriter, params: readonly (readonly [string, string])[]): void {
  if (params.length === 0) {
    writer.raw('NIL');
    return;
  }
  writer.byte(OPEN);
  for (let i = 0; i < params.length; i++) {
    if (i > 0) writer.byte(SPACE);
    writer.string(params[i]![0]).byte(SPACE).string(params[i]![1]);
  }
  writer.byte(CLOSE);
}
