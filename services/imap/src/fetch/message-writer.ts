import type { storage } from '@stoa/contracts';
import {
  ByteWriter,
  decodeStructure,
  type FetchBinary,
  findPart,
  type MimePart,
  type ParsedMessage,
  resolveSection,
  selectHeaderFields,
  transferDecoder,
  writeBodyStructure,
  writeEnvelope,
  writeFetchName,
  writeInternalDate,
  writeLiteralHeader,
} from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import { ConnectionEnded } from '@stoa/service-kit';
import type { SelectedMailbox } from '../selected-mailbox.ts';
import type { CommandContext } from '../session-types.ts';
import { BodyReader, type WantedRange } from './body-reader.ts';
import type { FetchPlan, NamedSection } from './plan.ts';

/** Literals up to this size are gathered whole before a message's response begins, so that a failure can still be told. */
const GATHER_OCTETS = 256 * 1024;

/** Whether a part's transfer encoding is not known (RFC 3516 section 4.3). */
export class UnknownEncoding extends Error {}

/** One step of writing a message's response that needs octets of its body. */
interface BodyStep {
  /** Name and all before the octets. */
  name: Buffer;
  /** Range to read; undefined: there is no such section, or it is empty. */
  range: WantedRange | undefined;
  write(reader: BodyReader, out: MessageOutput): Promise<void>;
}

/** Collects a message's response; once it is large, what is there leaves and the rest is streamed. */
class MessageOutput {
  readonly #context: CommandContext;
  #gathered: Uint8Array[] = [];
  #size = 0;
  /** Something of this message has left for the client. */
  started = false;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  async add(octets: Uint8Array): Promise<void> {
    this.#gathered.push(octets);
    this.#size += octets.length;
    if (this.#size < GATHER_OCTETS) return;
    this.#release();
    this.started = true;
    await this.#context.writer.drain();
  }

  #release(): void {
    for (const octets of this.#gathered) this.#context.writer.write(octets);
    this.#gathered = [];
    this.#size = 0;
  }

  async end(): Promise<void> {
    this.#release();
    if (this.#context.writer.full) await this.#context.writer.drain();
  }
}

/** Writes FETCH responses of messages with their records, bodies included. */
export class MessageWriter {
  readonly #context: CommandContext;
  readonly #selected: SelectedMailbox;
  readonly #plan: FetchPlan;

  constructor(context: CommandContext, selected: SelectedMailbox, plan: FetchPlan) {
    this.#context = context;
    this.#selected = selected;
    this.#plan = plan;
  }

  /** Writes some messages, whose bodies are read as one stream. Returns how many could not be read. */
  async write(records: readonly storage.MessageRecord[]): Promise<number> {
    const prepared = records.map((record) => this.#prepare(record));
    const ranges = prepared.flatMap(({ steps }) => steps.flatMap(({ range }) => (range === undefined ? [] : [range])));
    const reader = ranges.length === 0 ? undefined : new BodyReader(this.#context.blobs, ranges, this.#context.signal);
    let failed = 0;
    try {
      for (const { head, steps } of prepared) if (!(await this.#writeOne(head, steps, reader))) failed += 1;
    } finally {
      await reader?.close();
    }
    return failed;
  }

  async #writeOne(head: Buffer, steps: readonly BodyStep[], reader: BodyReader | undefined): Promise<boolean> {
    const out = new MessageOutput(this.#context);
    try {
      await out.add(head);
      for (const step of steps) {
        if (step.range !== undefined) reader?.next();
        await out.add(step.name);
        await step.write(reader as BodyReader, out);
      }
      await out.add(END);
      await out.end();
      return true;
    } catch (error) {
      if (error instanceof ConnectionEnded || error instanceof UnknownEncoding) throw error;
      this.#context.logger.warn({ error }, 'a message could not be read');
      // A literal that was announced and does not come can only be answered with the end of the connection.
      if (out.started) throw new ConnectionEnded('closed');
      skipRest(steps, reader);
      return false;
    }
  }

  #prepare(record: storage.MessageRecord): { head: Buffer; steps: BodyStep[] } {
    const plan = this.#plan;
    const out = new ByteWriter();
    const parsed = decodeStructure(record.structure);
    out.raw(`* ${this.#selected.shown.sequenceOf(record.uid)} FETCH (`);
    const start = out.length;
    const separate = () => (out.length > start ? out.byte(0x20) : out);
    if (plan.uid) separate().raw(`UID ${record.uid}`);
    this.#writeIndexed(record, separate);
    if (plan.envelope) writeEnvelope(separate().raw('ENVELOPE '), parsed.envelope);
    if (plan.bodyStructure) writeBodyStructure(separate().raw('BODYSTRUCTURE '), parsed.root, true);
    if (plan.body) writeBodyStructure(separate().raw('BODY '), parsed.root, false);
    let first = out.length === start;
    const steps: BodyStep[] = [];
    const add = (step: BodyStep) => {
      steps.push(first ? step : { ...step, name: Buffer.concat([SPACE, step.name]) });
      first = false;
    };
    for (const item of plan.binarySizes) add(binarySizeStep(record, parsed, item));
    for (const section of plan.sections) add(sectionStep(record, parsed, section));
    for (const item of plan.binaries) add(binaryStep(record, parsed, item));
    return { head: out.take(), steps };
  }

  /** What the index has; flags are the newest, so that \Seen set by this very command shows. */
  #writeIndexed(record: storage.MessageRecord, separate: () => ByteWriter): void {
    const plan = this.#plan;
    const found = this.#selected.feed.snapshot.find(record.uid) ?? this.#selected.shown.find(record.uid);
    if (found === undefined) return;
    const { chunk, index } = found;
    if (plan.modSeq) separate().raw(`MODSEQ (${chunk.modseqs[index]})`);
    if (plan.size) separate().raw(`RFC822.SIZE ${record.size}`);
    if (plan.internalDate) writeInternalDate(separate().raw('INTERNALDATE '), Math.floor(record.internalDate / 1000));
    if (plan.flags)
      separate().raw(
        `FLAGS (${this.#selected.flagNames(record.uid, chunk.flags[index] as number, chunk.keywordsHigh[index] as number)})`,
      );
  }
}

const SPACE = Buffer.from(' ');
const END = Buffer.from(')\r\n');
const NIL = Buffer.from('NIL');
const EMPTY = Buffer.from('""');

function skipRest(steps: readonly BodyStep[], reader: BodyReader | undefined): void {
  // Ranges of this message that were not begun are passed over, so that the next message finds its own.
  let left = steps.filter(({ range }) => range !== undefined).length - 1;
  while (left-- > 0) reader?.next();
}

function literal(size: number, hasNul = false): Buffer {
  const out = new ByteWriter(24);
  writeLiteralHeader(out, size, hasNul);
  return out.take();
}

function nameOf(section: NamedSection): Buffer {
  const out = new ByteWriter();
  if (section.name === undefined) writeFetchName(out, section.item);
  else out.raw(section.name);
  return out.byte(0x20).take();
}

const writes = (octets: Buffer) => async (_reader: BodyReader, out: MessageOutput) => out.add(octets);

function sectionStep(record: storage.MessageRecord, parsed: ParsedMessage, section: NamedSection): BodyStep {
  const name = nameOf(section);
  const { partial } = section.item;
  const found = resolveSection(parsed.root, section.item.section);
  if (found === undefined) return { name, range: undefined, write: writes(NIL) };
  const { blobId } = record;
  if (found.filter !== undefined) {
    const { fields, not } = found.filter;
    if (found.start === found.end) return { name, range: undefined, write: writes(Buffer.from('{2}\r\n\r\n')) };
    return {
      name,
      range: { blobId, start: found.start, end: found.end },
      async write(reader, out) {
        const selected = selectHeaderFields(await reader.readAll(), fields, not);
        const wanted =
          partial === undefined ? selected : selected.subarray(partial.offset, partial.offset + partial.length);
        await out.add(literal(wanted.length));
        await out.add(wanted);
      },
    };
  }
  const start = Math.min(found.end, found.start + (partial?.offset ?? 0));
  const end = partial === undefined ? found.end : Math.min(found.end, start + partial.length);
  if (start >= end) return { name, range: undefined, write: writes(EMPTY) };
  return {
    name,
    range: { blobId, start, end },
    async write(reader, out) {
      // The first piece before the size: what cannot be read at all is not announced.
      let piece = await reader.read();
      await out.add(literal(end - start));
      let octets = 0;
      for (; piece !== undefined; piece = await reader.read()) {
        octets += piece.length;
        await out.add(piece);
      }
      if (octets !== end - start)
        throw new StoaError('data-loss', `a body has ${octets} octets where ${end - start} were announced`);
    },
  };
}

/** The part of a BINARY item and how its octets are decoded. */
function binaryPart(parsed: ParsedMessage, path: readonly number[]): { part: MimePart; start: number } | undefined {
  const part = path.length === 0 ? parsed.root : findPart(parsed.root, path);
  return part === undefined ? undefined : { part, start: path.length === 0 ? part.headerStart : part.bodyStart };
}

async function decoded(reader: BodyReader, encoding: string): Promise<Buffer> {
  const decoder = transferDecoder(encoding);
  if (decoder === undefined) throw new UnknownEncoding('Unknown Content-Transfer-Encoding');
  const pieces: Uint8Array[] = [];
  for (let piece = await reader.read(); piece !== undefined; piece = await reader.read())
    pieces.push(Buffer.from(decoder.push(piece)));
  pieces.push(decoder.finish());
  return Buffer.concat(pieces);
}

function binaryStep(record: storage.MessageRecord, parsed: ParsedMessage, item: FetchBinary): BodyStep {
  const out = new ByteWriter();
  writeFetchName(out, item);
  const name = out.byte(0x20).take();
  const found = binaryPart(parsed, item.part);
  if (found === undefined) return { name, range: undefined, write: writes(NIL) };
  const { part, start } = found;
  if (start >= part.bodyEnd) return { name, range: undefined, write: writes(EMPTY) };
  return {
    name,
    range: { blobId: record.blobId, start, end: part.bodyEnd },
    async write(reader, output) {
      const octets = await decoded(reader, item.part.length === 0 ? '8bit' : part.encoding);
      const { partial } = item;
      const wanted = partial === undefined ? octets : octets.subarray(partial.offset, partial.offset + partial.length);
      await output.add(literal(wanted.length, wanted.includes(0)));
      await output.add(wanted);
    },
  };
}

function binarySizeStep(
  record: storage.MessageRecord,
  parsed: ParsedMessage,
  item: FetchPlan['binarySizes'][number],
): BodyStep {
  const out = new ByteWriter();
  writeFetchName(out, item);
  const name = out.byte(0x20).take();
  const found = binaryPart(parsed, item.part);
  if (found === undefined || found.start >= found.part.bodyEnd)
    return { name, range: undefined, write: writes(Buffer.from('0')) };
  const { part, start } = found;
  return {
    name,
    range: { blobId: record.blobId, start, end: part.bodyEnd },
    async write(reader, output) {
      const decoder = transferDecoder(item.part.length === 0 ? '8bit' : part.encoding);
      if (decoder === undefined) throw new UnknownEncoding('Unknown Content-Transfer-Encoding');
      let size = 0;
      for (let piece = await reader.read(); piece !== undefined; piece = await reader.read())
        size += decoder.push(piece).length;
      size += decoder.finish().length;
      await output.add(Buffer.from(String(size)));
    },
  };
}
