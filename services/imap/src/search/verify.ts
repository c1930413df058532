import type { storage } from '@stoa/contracts';
import {
  daysSinceEpoch,
  decodeHeaderText,
  decodeStructure,
  foldCase,
  headerValues,
  numberSetOf,
  type ParsedMessage,
  parseMailDate,
  type SearchKey,
  TextExtractor,
  TextSearch,
  textRanges,
} from '@stoa/mail';
import { BodyReader, type WantedRange } from '../fetch/body-reader.ts';
import type { CommandContext, SelectedView } from '../session-types.ts';
import { compareDays, type Verdict } from './evaluate.ts';

/** Messages that are read as one stream. */
const MESSAGES_PER_STREAM = 128;

/** What a message says to the keys that need it read. */
export type Answers = (key: SearchKey) => Verdict;

/** Keys that the header answers. */
const HEADER_KEYS: ReadonlySet<SearchKey['type']> = new Set([
  'from',
  'to',
  'cc',
  'bcc',
  'subject',
  'header',
  'before',
  'on',
  'since',
]);

interface Prepared {
  uid: number;
  parsed: ParsedMessage;
  ranges: (WantedRange & { kind: 'header' | 'body' | 'text' })[];
}

/**
 * Reads messages and answers the keys that only they can answer, exactly: text is compared decoded and without regard to
 * case. `decide` gets the answers for each; UIDs that are gone are left out.
 */
export async function verify(
  context: CommandContext,
  view: SelectedView,
  uids: readonly number[],
  keys: readonly SearchKey[],
  decide: (uid: number, answers: Answers) => void,
): Promise<void> {
  const { accountId, mailboxId } = view;
  const records = context.mail.fetchMessages(
    { accountId, mailboxId, uids: { bounds: numberSetOf(uids) } },
    { routeKey: accountId, signal: context.signal, timeoutMs: 30 * 60_000 },
  );
  let batch: storage.MessageRecord[] = [];
  for await (const page of records) {
    for (const record of page.messages) {
      batch.push(record);
      if (batch.length < MESSAGES_PER_STREAM) continue;
      await verifyBatch(context, batch, keys, decide);
      batch = [];
    }
  }
  if (batch.length > 0) await verifyBatch(context, batch, keys, decide);
}

async function verifyBatch(
  context: CommandContext,
  records: readonly storage.MessageRecord[],
  keys: readonly SearchKey[],
  decide: (uid: number, answers: Answers) => void,
): Promise<void> {
  const needsHeader = keys.some((key) => HEADER_KEYS.has(key.type));
  const bodies = keys.filter((key) => key.type === 'body');
  const texts = keys.filter((key) => key.type === 'text');
  const prepared = records.map((record) => prepare(record, needsHeader, bodies.length > 0, texts.length > 0));
  const ranges = prepared.flatMap((message) => message.ranges);
  const reader = ranges.length === 0 ? undefined : new BodyReader(context.blobs, ranges, context.signal);
  try {
    for (const message of prepared) {
      const answers = new Map<SearchKey, boolean>();
      await answer(message, reader, keys, bodies, texts, answers);
      decide(message.uid, (key) => answers.get(key));
    }
  } finally {
    await reader?.close();
  }
}

function prepare(record: storage.MessageRecord, header: boolean, body: boolean, text: boolean): Prepared {
  const parsed = decodeStructure(record.structure);
  const { root } = parsed;
  const { blobId } = record;
  const ranges: Prepared['ranges'] = [];
  if (header && root.bodyStart > root.headerStart)
    ranges.push({ blobId, start: root.headerStart, end: root.bodyStart, kind: 'header' });
  if (body)
    for (const { start, end } of textRanges(root)) if (end > start) ranges.push({ blobId, start, end, kind: 'body' });
  if (text)
    for (const { start, end } of textRanges(root, { headers: true }))
      if (end > start) ranges.push({ blobId, start, end, kind: 'text' });
  return { uid: record.uid, parsed, ranges };
}

async function answer(
  message: Prepared,
  reader: BodyReader | undefined,
  keys: readonly SearchKey[],
  bodies: readonly SearchKey[],
  texts: readonly SearchKey[],
  answers: Map<SearchKey, boolean>,
): Promise<void> {
  const { root } = message.parsed;
  const searches = {
    body: new Needles(bodies, new TextExtractor(root, {})),
    text: new Needles(texts, new TextExtractor(root, { headers: true })),
  };
  let header: Buffer = Buffer.alloc(0);
  for (const { kind, start } of message.ranges) {
    reader?.next();
    if (kind === 'header') {
      header = (await reader?.readAll()) ?? header;
      continue;
    }
    const needles = searches[kind];
    let offset = start;
    for (let piece = await reader?.read(); piece !== undefined; piece = await reader?.read()) {
      needles.push(offset, piece);
      offset += piece.length;
    }
  }
  searches.body.finish(answers);
  searches.text.finish(answers);
  for (const key of keys) if (HEADER_KEYS.has(key.type)) answers.set(key, answerFromHeader(key, header));
}

/** Texts to find in one reading of a message. */
class Needles {
  readonly #keys: readonly SearchKey[];
  readonly #extractor: TextExtractor;
  readonly #search: TextSearch;

  constructor(keys: readonly SearchKey[], extractor: TextExtractor) {
    this.#keys = keys;
    this.#extractor = extractor;
    this.#search = new TextSearch(keys.map((key) => ('value' in key ? key.value.text : '')));
  }

  push(offset: number, piece: Uint8Array): void {
    if (this.#search.isDone) return;
    for (const text of this.#extractor.push(offset, piece)) this.#search.push(text);
  }

  finish(answers: Map<SearchKey, boolean>): void {
    if (this.#keys.length === 0) return;
    if (!this.#search.isDone) for (const text of this.#extractor.finish()) this.#search.push(text);
    this.#keys.forEach((key, i) => {
      // An empty string is in every message (RFC 9051 section 6.4.4).
      answers.set(key, ('value' in key && key.value.text === '') || this.#search.found(i));
    });
  }
}

function contains(header: Buffer, field: string, text: string): boolean {
  const values = headerValues(header, field);
  if (text === '') return values.length > 0;
  const wanted = foldCase(text);
  return values.some((value) => foldCase(decodeHeaderText(value)).includes(wanted));
}

function answerFromHeader(key: SearchKey, header: Buffer): boolean {
  switch (key.type) {
    case 'from':
    case 'to':
    case 'cc':
    case 'bcc':
    case 'subject':
      return contains(header, key.type, key.value.text);
    case 'header':
      return contains(header, key.field, key.value.text);
    case 'before':
    case 'on':
    case 'since': {
      const date = parseMailDate(headerValues(header, 'date')[0] ?? '');
      return date !== undefined && compareDays(key.type, daysSinceEpoch(date), daysSinceEpoch(key.date));
    }
    default:
      return false;
  }
}
