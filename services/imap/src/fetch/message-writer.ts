import type { storage } from '@stoa/contracts';
import {
  type ByteWriter,
  requireEnd,
  StoredStructure,
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
import { type BodyItem, type BodyStep, binaryItem, binarySizeItem, sectionItem, UnknownEncoding } from './body-step.ts';
import { MessageOutput } from './message-output.ts';
import type { FetchPlan } from './plan.ts';

/** Messages that were left out of the answer. */
export interface Failures {
  /** Their bodies or records cannot be read. */
  unreadable: number;
  /** A part to decode has a transfer encoding that is not known. */
  undecodable: number;
}

/** A message with what has to be read for it. */
interface Prepared {
  sequence: number;
  record: storage.MessageRecord;
  steps: readonly BodyStep[];
}

const SPACE = 0x20;
const NO_STEPS: readonly BodyStep[] = [];

/** Writes FETCH responses of messages with their records, bodies included. */
export class MessageWriter {
  readonly failures: Failures = { unreadable: 0, undecodable: 0 };
  /** Messages that were answered or counted as failures: those that the client knows. */
  written = 0;
  readonly #context: CommandContext;
  readonly #selected: SelectedMailbox;
  readonly #plan: FetchPlan;
  readonly #items: readonly BodyItem[];
  readonly #out: MessageOutput;

  constructor(context: CommandContext, selected: SelectedMailbox, plan: FetchPlan) {
    this.#context = context;
    this.#selected = selected;
    this.#plan = plan;
    this.#items = [
      ...plan.binarySizes.map(binarySizeItem),
      ...plan.sections.map(sectionItem),
      ...plan.binaries.map(binaryItem),
    ];
    this.#out = new MessageOutput(context.writer);
  }

  /** Writes some messages, whose bodies are read as one stream. One that fails is left out and counted. */
  async write(records: readonly storage.MessageRecord[]): Promise<void> {
    const prepared: Prepared[] = [];
    for (const record of records) {
      const sequence = this.#selected.shown.sequenceOf(record.uid);
      if (sequence === 0) continue;
      this.written += 1;
      const steps = this.#stepsOf(record);
      if (steps !== undefined) prepared.push({ sequence, record, steps });
    }
    const ranges =
      this.#items.length === 0 ? [] : prepared.flatMap(({ steps }) => steps.flatMap((step) => step.ranges));
    const reader = new BodyReader(this.#context.blobs, ranges, this.#context.signal);
    try {
      let begin = 0;
      for (const each of prepared) {
        try {
          const octets = this.#begin(each);
          for (let i = 0; i < each.steps.length; i++) {
            octets.octets((this.#items[i] as BodyItem).name);
            await each.steps[i]?.write(reader, this.#out);
            octets.byte(SPACE);
          }
          endLine(octets);
          const waiting = this.#out.end();
          if (waiting !== undefined) await waiting;
        } catch (error) {
          this.#failed(error, each.record);
        }
        for (const step of each.steps) begin += step.ranges.length;
        reader.skipTo(begin);
      }
    } finally {
      await reader.close();
    }
  }

  /** Hands over what is still here; also after a failure, since it is complete. */
  finish(): void {
    this.#out.flush();
  }

  #failed(error: unknown, record: storage.MessageRecord): void {
    if (error instanceof ConnectionEnded) throw error;
    if (error instanceof StructureError)
      this.#context.logger.error({ error, uid: record.uid }, 'the record of a message is damaged');
    else this.#context.logger.warn({ error: toStoaError(error) }, 'the body of a message cannot be read');
    // Octets that were announced and do not come can only be answered with the end of the connection.
    if (this.#out.started) throw new ConnectionEnded('closed');
    this.#out.takeBack();
    this.failures.unreadable += 1;
  }

  #stepsOf(record: storage.MessageRecord): readonly BodyStep[] | undefined {
    if (this.#items.length === 0) return NO_STEPS;
    try {
      const parts = new StoredStructure(record.structure);
      return this.#items.map((item) => item.step(record.blobId, parts));
    } catch (error) {
      if (error instanceof UnknownEncoding) this.failures.undecodable += 1;
      else if (error instanceof StructureError) this.#failed(error, record);
      else throw error;
      return undefined;
    }
  }

  /** Begins a line with all that the record tells; every item ends with a space. */
  #begin({ sequence, record }: Prepared): ByteWriter {
    const plan = this.#plan;
    const out = this.#out.begin();
    out.byte(0x2a).byte(SPACE).number(sequence).raw(' FETCH (');
    if (plan.uid) out.raw('UID ').number(record.uid).byte(SPACE);
    this.#writeIndexed(out, record);
    if (!plan.envelope && !plan.bodyStructure && !plan.body) return out;
    const stored = new StoredStructure(record.structure);
    if (plan.envelope) {
      const cursor = stored.envelope();
      writeEnvelope(out.raw('ENVELOPE '), cursor);
      requireEnd(cursor);
      out.byte(SPACE);
    }
    for (const extended of [true, false]) {
      if (!(extended ? plan.bodyStructure : plan.body)) continue;
      const cursor = stored.parts();
      writeBodyStructure(out.raw(extended ? 'BODYSTRUCTURE ' : 'BODY '), cursor, extended);
      requireEnd(cursor);
      out.byte(SPACE);
    }
    return out;
  }

  /** What the index has; flags are the newest, so that \Seen set by this very command shows. */
  #writeIndexed(out: ByteWriter, record: storage.MessageRecord): void {
    const plan = this.#plan;
    if (plan.size) out.raw('RFC822.SIZE ').number(record.size).byte(SPACE);
    if (plan.internalDate) {
      writeInternalDate(out.raw('INTERNALDATE '), Math.floor(record.internalDate / 1000));
      out.byte(SPACE);
    }
    if (!plan.modSeq && !plan.flags) return;
    const found = this.#selected.feed.snapshot.find(record.uid) ?? this.#selected.shown.find(record.uid);
    if (found === undefined) return;
    const { chunk, index } = found;
    if (plan.modSeq) out.raw(`MODSEQ (${chunk.modseqs[index]}) `);
    if (plan.flags)
      out.raw(
        `FLAGS (${this.#selected.flagNames(record.uid, chunk.flags[index] as number, chunk.keywordsHigh[index] as number)}) `,
      );
  }
}

/** The last space gives way to the end of the line. */
function endLine(octets: ByteWriter): void {
  octets.truncate(octets.length - 1).raw(')\r\n');
}
