import type { Envelope, EnvelopeAddress, MimePart } from './types.ts';

/** The envelope as IMAP shows it, without outer brackets; only for strings that need no literal. */
export function envelopeText(envelope: Envelope): string {
  const lists = [envelope.from, envelope.sender, envelope.replyTo, envelope.to, envelope.cc, envelope.bcc];
  return [
    nstring(envelope.date),
    nstring(envelope.subject),
    ...lists.map(addressesText),
    nstring(envelope.inReplyTo),
    nstring(envelope.messageId),
  ].join(' ');
}

function addressesText(addresses: readonly EnvelopeAddress[]): string {
  if (addresses.length === 0) return 'NIL';
  const texts = addresses.map(
    ({ name, adl, mailbox, host }) => `(${[name, adl, mailbox, host].map(nstring).join(' ')})`,
  );
  return `(${texts.join('')})`;
}

/** BODYSTRUCTURE without outer brackets. */
export function structureText(part: MimePart): string {
  const extension = [
    part.disposition === undefined ? 'NIL' : `(${nstring(part.disposition.type)} ${params(part.disposition.params)})`,
    part.language.length === 0 ? 'NIL' : `(${part.language.map(nstring).join(' ')})`,
    nstring(part.location),
  ];
  if (part.type === 'multipart') {
    const parts = part.parts.map((child) => `(${structureText(child)})`).join('');
    return [parts, nstring(part.subtype), params(part.params), ...extension].join(' ');
  }
  const fields = [nstring(part.type), nstring(part.subtype), params(part.params), nstring(part.id)];
  fields.push(nstring(part.description), nstring(part.encoding), String(part.bodyEnd - part.bodyStart));
  if (part.message !== undefined) {
    fields.push(`(${envelopeText(part.message.envelope)})`, `(${structureText(part.message.root)})`);
  }
  if (part.message !== undefined || part.type === 'text') fields.push(String(part.lines));
  return [...fields, nstring(part.md5), ...extension].join(' ');
}

function nstring(value: string | undefined): string {
  return value === undefined ? 'NIL' : `"${value.replace(/["\\]/g, '\\$&')}"`;
}

function params(list: readonly [string, string][]): string {
  if (list.length === 0) return 'NIL';
  return `(${list.map(([name, value]) => `${nstring(name)} ${nstring(value)}`).join(' ')})`;
}
