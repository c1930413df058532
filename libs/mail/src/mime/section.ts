import type { Section } from '../imap/fetch-item.ts';
import type { MimePart } from './types.ts';

/** Where a section's bytes are in the message. */
export interface SectionRange {
  /** First byte, and one past the last. */
  start: number;
  end: number;
  /** HEADER.FIELDS and HEADER.FIELDS.NOT: the range is a header to put through a `HeaderFilter`. */
  filter: { fields: readonly string[]; not: boolean } | undefined;
}

/** A message's parts. Sections of the message itself need only the offsets, so the root may be made when it is asked for. */
export interface MessageParts {
  /** Those of the root. */
  readonly offsets: Pick<MimePart, 'headerStart' | 'bodyStart' | 'bodyEnd'>;
  readonly root: MimePart;
}

/**
 * Finds the bytes of BODY[section] (RFC 9051 section 6.4.5.1). Undefined: the message has no such section, and FETCH
 * answers NIL.
 */
export function resolveSection(parts: MessageParts, section: Section): SectionRange | undefined {
  const { part: path, text, fields } = section;
  const named = path.length === 0 ? undefined : findPart(parts.root, path);
  const part = path.length === 0 ? parts.offsets : named;
  if (part === undefined) return undefined;
  if (text === undefined) {
    const start = path.length === 0 ? part.headerStart : part.bodyStart;
    return { start, end: part.bodyEnd, filter: undefined };
  }
  if (text === 'MIME') {
    if (path.length === 0) return undefined;
    return { start: part.headerStart, end: part.bodyStart, filter: undefined };
  }
  // HEADER and TEXT belong to messages: the one fetched, or one embedded.
  const message = path.length === 0 ? part : named?.message?.root;
  if (message === undefined) return undefined;
  if (text === 'TEXT') return { start: message.bodyStart, end: message.bodyEnd, filter: undefined };
  const filter = text === 'HEADER' ? undefined : { fields, not: text === 'HEADER.FIELDS.NOT' };
  return { start: message.headerStart, end: message.bodyStart, filter };
}

/**
 * The part of a number: parts of a multipart count from 1, a message that is no multipart has the one part 1, and
 * what is within an embedded message is numbered on from the part that embeds it.
 */
export function findPart(root: MimePart, path: readonly number[]): MimePart | undefined {
  let message: MimePart | undefined = root;
  let part: MimePart | undefined;
  for (const number of path) {
    if (message === undefined) return undefined;
    if (message.type === 'multipart') {
      part = message.parts[number - 1];
      message = part === undefined ? undefined : within(part);
    } else {
      part = number === 1 ? message : undefined;
      message = part?.message?.root;
    }
    if (part === undefined) return undefined;
  }
  return part;
}

/** Where numbering goes on below a part; undefined below a leaf. */
function within(part: MimePart): MimePart | undefined {
  return part.type === 'multipart' ? part : part.message?.root;
}
