import type { storage } from '@stoa/contracts';
import {
  ByteWriter,
  decodeStructure,
  StructureError,
  writeBodyStructure,
  writeEnvelope,
  writeInternalDate,
} from '@stoa/mail';
import { toStoaError } from '@stoa/plugin-sdk';
import { ConnectionEnded } from '@stoa/service-kit';
import type { SelectedMailbox } from '../selected-mailbox.ts';
import type { CommandContext } from '../session-types.ts';
import { BodyReader } from './body-reader.ts';
import { type BodyStep, binarySizeStep, binaryStep, sectionStep, UnknownEncoding } from './body-step.ts';
import { MessageOutput } from './message-output.ts';
import type { FetchPlan } from './plan.ts';

/** Messages that were left out of the answer. */
export interface Failures {
  /** Their bodies or records cannot be read. */
  unreadable: number;
  /** A part to decode has a transfer encoding that is not known. */
  undecodable: number;
}

/** A message's response: what its record tells, then what has to be read. */
interface Prepared {
  head: Buffer;
  steps: readonly BodyStep[];
}

/** Writes FETCH responses of messages with their records, bodies included. */
export class MessageWriter {
  readonly failures: Failures = { unreadable: 0, undecodable: 0 };
  readonly #context: CommandContext;
  readonly #selected: SelectedMailbox;
  readonly #plan: FetchPlan;

  constructor(context: CommandContext, selected: SelectedMailbox, plan: FetchPlan) {
    this.#context = context;
    this.#selected = selected;
    this.#plan = plan;
  }

  /** Writes some messages, whose bodies are read as one stream. One that fails is left out and counted. */
  async write(records: readonly storage.MessageRecord[]): Promise<void> {
    const prepared = records.flatMap((record) => this.#prepare(record) ?? []);
    const ranges = prepared.flatMap(({ steps }) => steps.flatMap((step) => step.ranges));
    const reader = new BodyReader(this.#context.blobs, ranges, this.#context.signal);
    try {
      let begin = 0;
      for (const { head, steps } of prepared) {
        await this.#writeOne(head, steps, reader);
        for (const step of steps) begin += step.ranges.length;
        reader.skipTo(begin);
      }
    } finally {
      await reader.close();
    }
  }

  async #writeOne(head: Buffer, steps: readonly BodyStep[], reader: BodyReader): Promise<void> {
    const out = new MessageOutput(this.#context.writer);
    try {
      await out.add(head);
      for (const step of steps) {
        await out.add(step.name);
        await step.write(reader, out);
      }
      await out.add(END);
      await out.end();
    } catch (error) {
      if (error instanceof ConnectionEnded) throw error;
      this.#context.logger.warn({ error: toStoaError(error) }, 'the body of a message cannot be read');
      // Octets that were announced and do not come can only be answered with the end of the connection.
      if (out.started) throw new ConnectionEnded('closed');
      this.failures.unreadable += 1;
    }
  }

  #prepare(record: storage.MessageRecord): Prepared | undefined {
    try {
      return this.#begin(record);
    } catch (error) {
      if (error instanceof UnknownEncoding) this.failures.undecodable += 1;
      else if (error instanceof StructureError) {
        this.#context.logger.error({ error, uid: record.uid }, 'the record of a message is damaged');
        this.failures.unreadable += 1;
      } else throw error;
      return undefined;
    }
  }

  #begin(record: storage.MessageRecord): Prepared {
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
    const { blobId } = record;
    const steps = [
      ...plan.binarySizes.map((item) => binarySizeStep(blobId, parsed.root, item)),
      ...plan.sections.map((section) => sectionStep(blobId, parsed.root, section)),
      ...plan.binaries.map((item) => binaryStep(blobId, parsed.root, item)),
    ];
    const anything = out.length > start;
    const spaced = steps.map((step, index) =>
      index > 0 || anything ? { ...step, name: Buffer.concat([SPACE, step.name]) } : step,
    );
    return { head: out.take(), steps: spaced };
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
