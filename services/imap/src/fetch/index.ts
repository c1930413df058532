import { storage } from '@stoa/contracts';
import {
  ByteWriter,
  countNumbers,
  type FetchCommand,
  FLAG,
  MAX_NUMBER,
  type NumberSet,
  numberSetOf,
  resolveSequenceSet,
  writeVanished,
} from '@stoa/mail';
import { bad, no, ok } from '../errors.ts';
import type { SelectedMailbox } from '../selected-mailbox.ts';
import type { CommandContext, Completion } from '../session-types.ts';
import { type Failures, MessageWriter } from './message-writer.ts';
import { type FetchPlan, planFetch } from './plan.ts';

/** Messages whose bodies are read as one stream. */
const MESSAGES_PER_STREAM = 256;

const RECORDS_TIMEOUT_MS = 30 * 60_000;

const EXPUNGED = no('Some messages were expunged', 'EXPUNGEISSUED');

/** FETCH and UID FETCH (RFC 9051 section 6.4.5, RFC 7162 section 3.1.4). */
export async function runFetch(
  context: CommandContext,
  selected: SelectedMailbox,
  command: FetchCommand,
): Promise<Completion> {
  if (command.changedSince !== undefined || command.items.some((item) => item.type === 'MODSEQ'))
    context.enableCondstore();
  if (command.vanished && !context.options.qresync) return bad('VANISHED needs QRESYNC');
  const plan = planFetch(command, context.options.condstore);
  let uids: NumberSet = selected.resolve(command.set, command.uid);
  if (command.changedSince !== undefined) {
    if (command.vanished) await tellVanished(context, selected, command);
    uids = changedSince(selected, uids, command.changedSince);
  }
  if (uids.length === 0) return ok('FETCH completed');
  if (plan.setsSeen && !selected.readOnly) await setSeen(context, selected, uids);
  if (!plan.needsRecord) {
    await writeLines(context, selected, uids, plan);
    return ok('FETCH completed');
  }
  const { written, unreadable, undecodable } = await writeRecords(context, selected, uids, plan);
  if (unreadable > 0) return no('Some messages cannot be read now', 'UNAVAILABLE');
  // RFC 3516 section 4.3.
  if (undecodable > 0) return no('Unknown Content-Transfer-Encoding', 'UNKNOWN-CTE');
  // Gone from the store while this client still counts them (RFC 2180 section 4.1).
  return written < countNumbers(uids) ? EXPUNGED : ok('FETCH completed');
}

async function tellVanished(context: CommandContext, selected: SelectedMailbox, command: FetchCommand): Promise<void> {
  // The set may name UIDs that no longer are, up to the highest there ever was.
  const named = resolveSequenceSet(command.set, MAX_NUMBER, selected.saved);
  const vanished = await selected.vanishedSince(command.changedSince as number, named);
  if (vanished.length === 0) return;
  const writer = new ByteWriter();
  writeVanished(writer, vanished, true);
  context.writer.write(writer.take());
}

function changedSince(selected: SelectedMailbox, uids: NumberSet, modseq: number): NumberSet {
  const changed: number[] = [];
  for (const { chunk, from, to } of selected.shown.runsOfUids(uids)) {
    if (chunk.maxModseq <= modseq) continue;
    for (let i = from; i < to; i++) if ((chunk.modseqs[i] as number) > modseq) changed.push(chunk.uids[i] as number);
  }
  return numberSetOf(changed);
}

/** One call for all messages of the command that do not have the flag. */
async function setSeen(context: CommandContext, selected: SelectedMailbox, uids: NumberSet): Promise<void> {
  const unseen: number[] = [];
  for (const { chunk, from, to } of selected.feed.snapshot.runsOfUids(uids)) {
    for (let i = from; i < to; i++)
      if (((chunk.flags[i] as number) & FLAG.seen) === 0) unseen.push(chunk.uids[i] as number);
  }
  if (unseen.length === 0) return;
  const { accountId, mailboxId, knownModseq } = selected;
  const { delta } = await context.mail.storeFlags(
    {
      accountId,
      mailboxId,
      uids: { bounds: numberSetOf(unseen) },
      mode: storage.StoreFlagsRequest_Mode.MODE_ADD,
      flags: FLAG.seen,
      knownModseq,
    },
    { routeKey: accountId },
  );
  await selected.apply(delta);
}

/** What the index has needs no call: lines from its columns, in large pieces. */
async function writeLines(
  context: CommandContext,
  selected: SelectedMailbox,
  uids: NumberSet,
  plan: FetchPlan,
): Promise<void> {
  const { writer } = context;
  const lines = selected.lineWriter(plan, 64 * 1024);
  for (const run of selected.shown.runsOfUids(uids)) {
    selected.writeRun(lines, run);
    if (writer.full) await writer.drain();
  }
  lines.end();
}

async function writeRecords(
  context: CommandContext,
  selected: SelectedMailbox,
  uids: NumberSet,
  plan: FetchPlan,
): Promise<{ written: number } & Failures> {
  const messages = new MessageWriter(context, selected, plan);
  const { accountId, mailboxId } = selected;
  let batch: storage.MessageRecord[] = [];
  const records = context.mail.fetchMessages(
    { accountId, mailboxId, uids: { bounds: uids } },
    { routeKey: accountId, signal: context.signal, timeoutMs: RECORDS_TIMEOUT_MS },
  );
  try {
    for await (const page of records) {
      for (const record of page.messages) {
        batch.push(record);
        if (batch.length < MESSAGES_PER_STREAM) continue;
        await messages.write(batch);
        batch = [];
      }
    }
    if (batch.length > 0) await messages.write(batch);
  } finally {
    messages.finish();
  }
  return { written: messages.written, ...messages.failures };
}
