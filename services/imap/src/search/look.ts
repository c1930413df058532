import type { storage } from '@stoa/contracts';
import {
  decodeEnvelope,
  decodeParts,
  type Envelope,
  type MailboxSnapshot,
  type NumberSet,
  NumberSetBuilder,
  StructureError,
} from '@stoa/mail';
import { isStoaError } from '@stoa/plugin-sdk';
import { BodyReader, type WantedRange } from '../fetch/body-reader.ts';
import type { CommandContext, SelectedView } from '../session-types.ts';
import type { Search } from './compile.ts';
import { judgeEnvelope } from './envelope-test.ts';
import { FALSE, MIXED, TRUE, UNKNOWN, type Verdict } from './tests.ts';
import { TextTest } from './text-test.ts';

/** Messages and octets of them that are read as one stream. */
const MESSAGES_PER_STREAM = 128;
const OCTETS_PER_STREAM = 1024 * 1024;

const RECORDS_TIMEOUT_MS = 30 * 60_000;

/** A message whose octets have to be read. */
interface Unread {
  record: storage.MessageRecord;
  /** What is known so far, by the search's keys on content. */
  facts: readonly Verdict[];
  test: TextTest;
}

/** Looks at messages one by one, where the index did not settle the search; holds some of their records, and none of their text. */
export class MessageLooker {
  readonly #context: Pick<CommandContext, 'mail' | 'blobs' | 'signal' | 'logger'>;
  readonly #selected: Pick<SelectedView, 'accountId' | 'mailboxId'>;
  readonly #shown: MailboxSnapshot;
  readonly #search: Search;

  constructor(
    context: Pick<CommandContext, 'mail' | 'blobs' | 'signal' | 'logger'>,
    selected: Pick<SelectedView, 'accountId' | 'mailboxId' | 'shown'>,
    search: Search,
  ) {
    this.#context = context;
    this.#selected = selected;
    this.#shown = selected.shown;
    this.#search = search;
  }

  /** Those of `uids` that the search is true of. One that was expunged meanwhile is left out: nothing is known of it. */
  async look(uids: NumberSet): Promise<NumberSet> {
    const found = new NumberSetBuilder();
    if (uids.length === 0) return found.bounds;
    const { accountId, mailboxId } = this.#selected;
    let hits: number[] = [];
    let unread: Unread[] = [];
    let octets = 0;
    const settle = async () => {
      await this.#read(unread, (uid) => hits.push(uid));
      for (const uid of hits.toSorted((a, b) => a - b)) found.add(uid);
      hits = [];
      unread = [];
      octets = 0;
    };
    try {
      const pages = this.#context.mail.fetchMessages(
        { accountId, mailboxId, uids: { bounds: uids } },
        { routeKey: accountId, signal: this.#context.signal, timeoutMs: RECORDS_TIMEOUT_MS },
      );
      for await (const { messages } of pages) {
        for (const record of messages) {
          const begun = this.#begin(record);
          if (begun === TRUE) hits.push(record.uid);
          if (typeof begun === 'number') continue;
          unread.push(begun);
          for (const { start, end } of begun.test.ranges) octets += end - start;
          // A message with much text is the last of its stream, which can be given up when it is settled.
          if (unread.length === MESSAGES_PER_STREAM || octets >= OCTETS_PER_STREAM) await settle();
        }
      }
      await settle();
    } finally {
      for (const content of this.#search.contents) content.fact = UNKNOWN;
    }
    return found.bounds;
  }

  /** Judges a message by what its record tells, or says what to read of it. */
  #begin(record: storage.MessageRecord): Verdict | Unread {
    const { contents } = this.#search;
    const { uid, structure } = record;
    for (const content of contents) content.fact = content.foreseen(uid);
    const verdict = this.#verdict(uid);
    if (verdict !== UNKNOWN) return verdict;
    try {
      let decoded: Envelope | undefined;
      const envelope = () => {
        decoded ??= decodeEnvelope(structure);
        return decoded;
      };
      for (const content of contents) if (content.fact === UNKNOWN) content.fact = judgeEnvelope(content.key, envelope);
      const told = this.#verdict(uid);
      if (told !== UNKNOWN) return told;
      const facts = contents.map(({ fact }) => fact);
      return {
        record,
        facts,
        test: new TextTest(
          decodeParts(structure),
          contents.filter(({ fact }) => fact === UNKNOWN),
        ),
      };
    } catch (error) {
      if (!(error instanceof StructureError)) throw error;
      this.#context.logger.error({ error, uid }, 'the record of a message is damaged; it is not found');
      return FALSE;
    }
  }

  #verdict(uid: number): Verdict {
    const found = this.#shown.find(uid);
    if (found === undefined) return FALSE;
    const { test } = this.#search;
    const verdict = test.judge({ chunk: found.chunk, from: found.index, to: found.index + 1, sequence: 0 });
    return verdict === MIXED ? (test.verdicts[0] as Verdict) : verdict;
  }

  async #read(unread: readonly Unread[], hit: (uid: number) => void): Promise<void> {
    if (unread.length === 0) return;
    const ranges = unread.flatMap(({ record, test }) =>
      test.ranges.map((range): WantedRange => ({ blobId: record.blobId, ...range })),
    );
    const reader = new BodyReader(this.#context.blobs, ranges, this.#context.signal);
    try {
      for (const message of unread) {
        for (const [index, content] of this.#search.contents.entries()) content.fact = message.facts[index] as Verdict;
        if (await this.#readOne(message, reader)) hit(message.record.uid);
      }
    } finally {
      await reader.close();
    }
  }

  async #readOne({ record, test }: Unread, reader: BodyReader): Promise<boolean> {
    let verdict: Verdict = UNKNOWN;
    for (const { start } of test.ranges) {
      reader.next();
      // Settled: its other ranges are passed over.
      if (verdict !== UNKNOWN) continue;
      let offset = start;
      try {
        for (let piece = await reader.read(); piece !== undefined; piece = await reader.read()) {
          test.push(offset, piece);
          offset += piece.length;
          verdict = this.#verdict(record.uid);
          if (verdict !== UNKNOWN) break;
        }
      } catch (error) {
        this.#missing(error, record.uid);
      }
    }
    if (verdict === UNKNOWN) {
      test.finish();
      verdict = this.#verdict(record.uid);
    }
    return verdict === TRUE;
  }

  /**
   * A body that is gone has no text; one that cannot be read now may have some, and an answer without it would be taken
   * for the truth.
   */
  #missing(error: unknown, uid: number): void {
    const gone = isStoaError(error) && (error.code === 'not-found' || error.code === 'data-loss');
    if (!gone) throw error;
    this.#context.logger.warn({ error, uid }, 'the body of a message is missing; it is searched as if it were empty');
  }
}
