import { storage } from '@stoa/contracts';
import { ByteWriter, countNumbers, eachNumber, modifiedCode, type NumberSet, numberSetOf } from '@stoa/mail';
import { bad, no, ok } from '../errors.ts';
import { parseFlags } from '../flags.ts';
import type { SelectedMailbox } from '../selected-mailbox.ts';
import { type Handler, selectedOf } from './handler.ts';

const { StoreFlagsRequest_Mode: Mode } = storage;
const MODES = { add: Mode.MODE_ADD, remove: Mode.MODE_REMOVE, replace: Mode.MODE_REPLACE } as const;

/** STORE and UID STORE (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3). */
export const store: Handler<'STORE'> = {
  when: 'selected',
  holdsExpunges: ({ uid }) => !uid,
  async run(session, command) {
    const selected = selectedOf(session);
    if (selected.readOnly) return no('The mailbox is read-only', 'READ-ONLY');
    const parsed = parseFlags(command.flags);
    if (typeof parsed === 'string') return bad(parsed);
    if (command.unchangedSince !== undefined) session.enableCondstore();
    const uids = selected.resolve(command.set, command.uid);
    if (uids.length === 0) return ok('STORE completed');
    const { accountId, mailboxId, knownModseq } = selected;
    const { delta, modified } = await session.mail.storeFlags(
      {
        accountId,
        mailboxId,
        uids: { bounds: uids },
        mode: MODES[command.mode],
        ...parsed,
        unchangedSince: command.unchangedSince,
        knownModseq,
      },
      { routeKey: accountId },
    );
    await selected.apply(delta);
    const held = modified?.bounds ?? [];
    if (command.silent) {
      selected.toldFlags(uids);
      if (session.options.condstore)
        writeModseqs(selected, uids, held, command.uid || session.options.qresync, session.writer);
    }
    if (held.length > 0) {
      const numbers = command.uid ? held : numbersOf(selected, held);
      return ok('Conditional STORE failed for some messages', modifiedCode(numbers));
    }
    // A message that was expunged meanwhile cannot be changed, and the client does not know that yet (RFC 5530).
    const existing = selected.feed.snapshot.existing(uids);
    if (!command.uid && countNumbers(existing) < countNumbers(uids))
      return no('Some messages were expunged', 'EXPUNGEISSUED');
    return ok('STORE completed');
  },
};

function numbersOf(selected: SelectedMailbox, uids: NumberSet): number[] {
  const numbers: number[] = [];
  for (const uid of eachNumber(uids)) numbers.push(selected.shown.sequenceOf(uid));
  return numberSetOf(numbers.filter((number) => number > 0));
}

/** With .SILENT the new MODSEQs are told all the same, without flags (RFC 7162 section 3.1.3). */
function writeModseqs(
  selected: SelectedMailbox,
  uids: NumberSet,
  held: NumberSet,
  withUid: boolean,
  writer: { write(octets: Uint8Array): void },
): void {
  const out = new ByteWriter();
  const unchanged = new Set(eachNumber(held));
  for (const { chunk, from, to } of selected.feed.snapshot.runsOfUids(uids)) {
    for (let i = from; i < to; i++) {
      const uid = chunk.uids[i] as number;
      if (unchanged.has(uid)) continue;
      const number = selected.shown.sequenceOf(uid);
      if (number > 0) out.raw(`* ${number} FETCH (${withUid ? `UID ${uid} ` : ''}MODSEQ (${chunk.modseqs[i]}))\r\n`);
    }
  }
  writer.write(out.take());
}
