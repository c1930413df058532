import {
  decodeHeaderText,
  type EnvelopeAddress,
  encodeStructure,
  headerValues,
  MessageParser,
  parseMessage,
  TextExtractor,
  unfold,
} from '@stoa/mail';
import type { SearchDocument } from '@stoa/plugin-sdk';
import type { StructureBuilder } from '../body/intake.ts';

/** Builds the structure of a message while it is received. */
export function messageStructure(): StructureBuilder {
  const parser = new MessageParser();
  return {
    write: (chunk) => parser.push(chunk),
    finish: () => encodeStructure(parser.finish()),
  };
}

const ADDRESS_FIELDS = ['from', 'to', 'cc', 'bcc'] as const;

/**
 * The text of a message by the fields that SEARCH looks in. What a search may compare with is there in each of its forms:
 * an address as it stands in the header, and as ENVELOPE shows it.
 */
export function messageText(message: Uint8Array): SearchDocument['fields'] {
  const { root, envelope } = parseMessage(message);
  const fields: SearchDocument['fields'] = {};
  const add = (field: keyof SearchDocument['fields'], text: string) => {
    if (text !== '') fields[field] = fields[field] === undefined ? text : `${fields[field]}\n${text}`;
  };
  const header = message.subarray(root.headerStart, root.bodyStart);
  const decoded = (name: string) => headerValues(header, name).map((value) => decodeHeaderText(unfold(value)));
  for (const text of decoded('subject')) add('subject', text);
  for (const name of ADDRESS_FIELDS) {
    for (const text of decoded(name)) add(name, text);
    for (const address of envelope[name]) add(name, addressText(address));
  }
  const extractor = new TextExtractor(root, { headers: true });
  const headers: string[] = [];
  const bodies: string[] = [];
  for (const { range, text } of [...extractor.push(0, message), ...extractor.finish()]) {
    (range.kind === 'header' ? headers : bodies).push(text);
  }
  add('headers', headers.join(''));
  add('body', bodies.join(''));
  return fields;
}

function addressText({ name, mailbox, host }: EnvelopeAddress): string {
  const parts = [name === undefined ? '' : decodeHeaderText(name)];
  if (mailbox !== undefined) parts.push(host === undefined ? mailbox : `${mailbox}@${host}`);
  return parts.join('\n');
}
