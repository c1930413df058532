import type { Envelope, EnvelopeAddress } from '../../mime/types.ts';
import type { ByteWriter } from './byte-writer.ts';

const SPACE = 0x20;
const OPEN = 0x28;
const CLOSE = 0x29;

/** The value of ENVELOPE (RFC 9051 section 7.5.2). */
export function writeEnvelope(writer: ByteWriter, envelope: Envelope): void {
  writer.byte(OPEN).nstring(envelope.date).byte(SPACE).nstring(envelope.subject).byte(SPACE);
  for (const list of [envelope.from, envelope.sender, envelope.replyTo, envelope.to, envelope.cc, envelope.bcc]) {
    writeAddresses(writer, list);
    writer.byte(SPACE);
  }
  writer.nstring(envelope.inReplyTo).byte(SPACE).nstring(envelope.messageId).byte(CLOSE);
}

function writeAddresses(writer: ByteWriter, addresses: readonly EnvelopeAddress[]): void {
  if (addresses.length === 0) {
    writer.raw('NIL');
    return;
  }
  writer.byte(OPEN);
  for (const { name, adl, mailbox, host } of addresses) {
    writer.byte(OPEN).nstring(name).byte(SPACE).nstring(adl).byte(SPACE).nstring(mailbox).byte(SPACE);
    writer.nstring(host).byte(CLOSE);
  }
  writer.byte(CLOSE);
}
