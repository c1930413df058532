import { bufferOf } from './header-field.ts';
import type { ParsedMessage } from './message-parser.ts';
import {
  HAS_COPIES,
  HAS_DISPOSITION,
  HAS_FIELDS,
  HAS_LINES,
  HAS_MESSAGE,
  HAS_PARTS,
  REPLY_TO_IS_FROM,
  SENDER_IS_FROM,
  STRUCTURE_VERSION,
  WORDS,
} from './structure-format.ts';
import type { Envelope, EnvelopeAddress, MimePart } from './types.ts';

const WORD_NUMBERS = new Map(WORDS.map((word, index) => [word, index]));
const LONGEST_WORD = Math.max(...WORDS.map((word) => word.length));

/** Packs what was parsed for the message's row: some hundred bytes for ordinary mail. */
export function encodeStructure(parsed: ParsedMessage): Uint8Array {
  const { envelope, structure, whole } = WRITERS;
  envelope.clear();
  envelope.envelope(parsed.envelope);
  structure.clear();
  structure.part(parsed.root, 0);
  whole.clear();
  whole.number(STRUCTURE_VERSION);
  whole.number(parsed.size);
  whole.bytes(envelope.written());
  whole.bytes(structure.written());
  return new Uint8Array(whole.written());
}

/** A buffer that a message made larger than this is not kept for those after it. */
const KEPT_BYTES = 64 * 1024;

class StructureWriter {
  private buffer = Buffer.allocUnsafe(512);
  private length = 0;

  /** Begins anew, in the same buffer. */
  clear(): void {
    this.length = 0;
    if (this.buffer.length > KEPT_BYTES) this.buffer = Buffer.allocUnsafe(512);
  }

  /** Valid until the next change. */
  written(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  private reserve(size: number): void {
    if (this.length + size <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.length + size, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  number(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest > 127) {
      this.buffer[this.length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.buffer[this.length++] = rest;
  }

  bytes(bytes: Uint8Array): void {
    this.number(bytes.length);
    this.reserve(bytes.length);
    bufferOf(bytes).copy(this.buffer, this.length);
    this.length += bytes.length;
  }

  private string(value: string | undefined): void {
    if (value === undefined) {
      this.number(0);
      return;
    }
    const word = value.length <= LONGEST_WORD ? WORD_NUMBERS.get(value) : undefined;
    if (word !== undefined) {
      this.number(2 * word + 2);
      return;
    }
    this.number(2 * value.length + 1);
    this.reserve(value.length);
    this.length += this.buffer.write(value, this.length, value.length, 'latin1');
  }

  envelope(envelope: Envelope): void {
    const { from, sender, replyTo, to, cc, bcc } = envelope;
    const copies = cc.length > 0 || bcc.length > 0 || envelope.inReplyTo !== undefined;
    const senderIsFrom = sameAddresses(sender, from);
    const replyToIsFrom = sameAddresses(replyTo, from);
    this.number(
      (senderIsFrom ? SENDER_IS_FROM : 0) | (replyToIsFrom ? REPLY_TO_IS_FROM : 0) | (copies ? HAS_COPIES : 0),
    );
    this.string(envelope.date);
    this.string(envelope.subject);
    this.string(envelope.messageId);
    this.addresses(from);
    if (!senderIsFrom) this.addresses(sender);
    if (!replyToIsFrom) this.addresses(replyTo);
    this.addresses(to);
    if (!copies) return;
    this.addresses(cc);
    this.addresses(bcc);
    this.string(envelope.inReplyTo);
  }

  private addresses(addresses: readonly EnvelopeAddress[]): void {
    this.number(addresses.length);
    for (const { name, adl, mailbox, host } of addresses) {
      this.string(name);
      this.string(adl);
      this.string(mailbox);
      this.string(host);
    }
  }

  /** `origin`: the place from which the part's distances count. */
  part(part: MimePart, origin: number): void {
    const { disposition, message } = part;
    const hasFields =
      part.id !== undefined ||
      part.description !== undefined ||
      part.md5 !== undefined ||
      part.location !== undefined ||
      part.language.length > 0;
    this.number(
      (hasFields ? HAS_FIELDS : 0) |
        (disposition !== undefined ? HAS_DISPOSITION : 0) |
        (part.parts.length > 0 ? HAS_PARTS : 0) |
        (message !== undefined ? HAS_MESSAGE : 0) |
        (part.lines > 0 ? HAS_LINES : 0),
    );
    this.string(part.type);
    this.string(part.subtype);
    this.parameters(part.params);
    this.string(part.encoding);
    this.number(part.headerStart - origin);
    this.number(part.bodyStart - part.headerStart);
    this.number(part.bodyEnd - part.bodyStart);
    if (part.lines > 0) this.number(part.lines);
    if (hasFields) {
      this.string(part.id);
      this.string(part.description);
      this.string(part.md5);
      this.string(part.location);
      this.number(part.language.length);
      for (const language of part.language) this.string(language);
    }
    if (disposition !== undefined) {
      this.string(disposition.type);
      this.parameters(disposition.params);
    }
    if (part.parts.length > 0) {
      this.number(part.parts.length);
      let before = part.bodyStart;
      for (const child of part.parts) {
        this.part(child, before);
        before = child.bodyEnd;
      }
    }
    if (message !== undefined) {
      this.envelope(message.envelope);
      this.part(message.root, part.bodyStart);
    }
  }

  private parameters(params: readonly (readonly [string, string])[]): void {
    this.number(params.length);
    for (const [name, value] of params) {
      this.string(name);
      this.string(value);
    }
  }
}

/** Used for one message after the other: a message is packed without a pause. */
const WRITERS = { envelope: new StructureWriter(), structure: new StructureWriter(), whole: new StructureWriter() };

function sameAddresses(left: readonly EnvelopeAddress[], right: readonly EnvelopeAddress[]): boolean {
  if (left === right) return true;
  if (left.length !== right.length) return false;
  return left.every((address, index) => {
    const other = right[index]!;
    return (
      address.name === other.name &&
      address.adl === other.adl &&
      address.mailbox === other.mailbox &&
      address.host === other.host
    );
  });
}
