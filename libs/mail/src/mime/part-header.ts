import { addToEnvelope, completeEnvelope, emptyEnvelope } from './envelope.ts';
import { HeaderScanner } from './header-field.ts';
import { parameter, parseContentType, parseDisposition, parseLanguages, parseToken } from './parameters.ts';
import type { Envelope, MimePart } from './types.ts';

/** Names that matter begin with one of these letters and have one of these lengths: most fields go by untouched. */
const LETTERS = new Uint8Array(256);
for (const letter of 'BCDFIMRST') {
  LETTERS[letter.charCodeAt(0)] = 1;
  LETTERS[letter.toLowerCase().charCodeAt(0)] = 1;
}
const LENGTHS = new Uint8Array(32);
for (const length of [2, 3, 4, 6, 7, 8, 10, 11, 12, 16, 19, 25]) LENGTHS[length] = 1;

/** Boundaries beyond a line's length (RFC 5322 section 2.1.1) can never be met. */
const MAX_BOUNDARY = 998;

export interface PartHeader {
  /** Offsets, lines, parts and message are still to be filled in. */
  part: MimePart;
  /** Only where asked for. */
  envelope: Envelope | undefined;
  /** multipart: the boundary as it stands in the bytes, without dashes; undefined where there is none to use. */
  boundary: string | undefined;
}

/**
 * Reads a part's header. Without a Content-Type that can be read the part is text/plain, or message/rfc822 in a
 * digest (RFC 2045 section 5.2, RFC 2046 section 5.1.5); text without a charset is us-ascii.
 */
export function readPartHeader(block: Buffer, inDigest: boolean, wantsEnvelope: boolean): PartHeader {
  const part = blankPart();
  const envelope = wantsEnvelope ? emptyEnvelope() : undefined;
  let typed = false;
  let seenType = false;
  const scanner = new HeaderScanner(block);
  while (scanner.next()) {
    const length = scanner.nameEnd - scanner.start;
    if (length > 25 || LENGTHS[length] === 0 || LETTERS[block[scanner.start]!] === 0) continue;
    const name = scanner.name().toLowerCase();
    if (name.startsWith('content-')) {
      if (name === 'content-type') {
        // Of several the first one counts: what follows may have been added to deceive.
        if (!seenType) typed = readType(part, clean(scanner.value()));
        seenType = true;
      } else readContentField(part, name, scanner);
    } else if (envelope !== undefined) addToEnvelope(envelope, name, clean(scanner.value()));
  }
  if (!typed && !seenType && inDigest) {
    part.type = 'message';
    part.subtype = 'rfc822';
  }
  if (part.type === 'text' && parameter(part.params, 'charset') === undefined)
    part.params.push(['charset', 'us-ascii']);
  return {
    part,
    envelope: envelope === undefined ? undefined : completeEnvelope(envelope),
    boundary: part.type === 'multipart' ? boundaryOf(part) : undefined,
  };
}

/** An empty text/plain part at offset 0. */
export function blankPart(): MimePart {
  return {
    type: 'text',
    subtype: 'plain',
    params: [],
    id: undefined,
    description: undefined,
    encoding: '7bit',
    md5: undefined,
    disposition: undefined,
    language: [],
    location: undefined,
    headerStart: 0,
    bodyStart: 0,
    bodyEnd: 0,
    lines: 0,
    parts: [],
    message: undefined,
  };
}

function readType(part: MimePart, value: string): boolean {
  const content = parseContentType(value);
  if (content === undefined) return false;
  part.type = content.type;
  part.subtype = content.subtype;
  part.params = content.params;
  return true;
}

function readContentField(part: MimePart, name: string, scanner: HeaderScanner): void {
  switch (name) {
    case 'content-transfer-encoding':
      part.encoding = parseToken(scanner.value()) ?? part.encoding;
      break;
    case 'content-id':
      part.id = clean(scanner.value());
      break;
    case 'content-description':
      part.description = clean(scanner.value());
      break;
    case 'content-md5':
      part.md5 = clean(scanner.value());
      break;
    case 'content-disposition':
      part.disposition ??= parseDisposition(clean(scanner.value()));
      break;
    case 'content-language':
      part.language = parseLanguages(scanner.value());
      break;
    case 'content-location':
      part.location = clean(scanner.value());
      break;
  }
}

/**
 * No IMAP string may hold NUL (RFC 9051 section 4.3): it becomes the replacement character, in UTF-8. A bare CR becomes
 * a space, so that every value fits on a line.
 */
function clean(value: string): string {
  const withoutNul = value.includes('\0') ? value.replaceAll('\0', '\xef\xbf\xbd') : value;
  return withoutNul.includes('\r') ? withoutNul.replaceAll('\r', ' ') : withoutNul;
}

function boundaryOf(part: MimePart): string | undefined {
  const boundary = parameter(part.params, 'boundary')?.trimEnd();
  return boundary === undefined || boundary === '' || boundary.length > MAX_BOUNDARY ? undefined : boundary;
}
