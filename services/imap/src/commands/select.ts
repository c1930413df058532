import type { storage } from '@stoa/contracts';
import {
  ByteWriter,
  FLAG,
  intersectionOfSets,
  type NumberSet,
  numberSetOf,
  type QresyncParam,
  resolveSequenceSet,
  writeList,
  writeVanished,
} from '@stoa/mail';
import { ok } from '../errors.ts';
import { flagsLines, type SelectedMailbox } from '../selected-mailbox.ts';
import type { Session } from '../session.ts';
import type { Completion } from '../session-types.ts';
import { accountOf, type CommandNamed, type Handler } from './handler.ts';

async function open(session: Session, command: CommandNamed<'SELECT' | 'EXAMINE'>): Promise<Completion> {
  const { options, writer, context } = session;
  const readOnly = command.name === 'EXAMINE';
  const wasSelected = session.selected !== undefined;
  // A SELECT that fails leaves no mailbox selected (RFC 9051 section 6.3.2).
  session.deselect();
  if (command.condstore || command.qresync !== undefined) options.condstore = true;
  if (wasSelected) writer.write('* OK [CLOSED] Previous mailbox is now closed\r\n');
  const state = await context.mailboxes.state(accountOf(session), command.mailbox, !readOnly);
  const selected = await session.select(state, readOnly);
  describe(session, selected, state);
  if (command.qresync !== undefined) await resynchronise(session, selected, command.qresync);
  return ok(`${command.name} completed`, readOnly ? 'READ-ONLY' : 'READ-WRITE');
}

function describe(session: Session, selected: SelectedMailbox, state: storage.MailboxState): void {
  const { options, writer } = session;
  const { uidValidity, uidNext, highestModseq, name } = selected.feed.state;
  const lines = [flagsLines(selected.keywords, selected.readOnly), `* ${selected.shown.count} EXISTS\r\n`];
  if (!options.rev2) {
    lines.push(`* ${selected.recentCount} RECENT\r\n`);
    const unseen = firstUnseen(selected);
    if (unseen > 0) lines.push(`* OK [UNSEEN ${unseen}] First unseen message\r\n`);
  }
  lines.push(
    `* OK [UIDVALIDITY ${uidValidity}] UIDs valid\r\n`,
    `* OK [UIDNEXT ${uidNext}] Predicted next UID\r\n`,
    `* OK [HIGHESTMODSEQ ${highestModseq}] Highest\r\n`,
  );
  writer.write(lines.join(''));
  if (!options.rev2) return;
  const list = new ByteWriter();
  writeList(list, { name, attributes: [...state.specialUse] }, options.utf8);
  writer.write(list.take());
}

/** Number of the first message without \Seen; 0 when there is none. */
function firstUnseen(selected: SelectedMailbox): number {
  if (selected.feed.state.unseen === 0) return 0;
  for (const { chunk, sequence } of selected.shown.runs()) {
    const at = chunk.flags.findIndex((flags) => (flags & FLAG.seen) === 0);
    if (at >= 0) return sequence + at;
  }
  return 0;
}

/** What the client missed (RFC 7162 section 3.2.5): VANISHED (EARLIER), then FETCH for what changed. */
async function resynchronise(session: Session, selected: SelectedMailbox, qresync: QresyncParam): Promise<void> {
  const { uidValidity, modSeq, knownUids, match } = qresync;
  if (uidValidity !== selected.feed.state.uidValidity) return;
  const known: NumberSet =
    knownUids === undefined
      ? [1, Math.max(1, selected.feed.state.uidNext - 1)]
      : resolveSequenceSet(knownUids, selected.shown.lastUid);
  const vanished = await selected.vanishedSince(modSeq, below(known, selected, match));
  if (vanished.length > 0) {
    const writer = new ByteWriter();
    writeVanished(writer, vanished, true);
    session.writer.write(writer.take());
  }
  const changed: number[] = [];
  for (const { chunk, from, to } of selected.shown.runsOfUids(known)) {
    if (chunk.maxModseq <= modSeq) continue;
    for (let i = from; i < to; i++) if ((chunk.modseqs[i] as number) > modSeq) changed.push(chunk.uids[i] as number);
  }
  if (changed.length > 0) await selected.writeFlagLines(numberSetOf(changed), true);
}

/**
 * Pairs of a message number and its UID that still agree show that nothing below vanished, so that a log that does not reach
 * back costs less (RFC 7162 section 3.2.5.2).
 */
function below(known: NumberSet, selected: SelectedMailbox, match: QresyncParam['match']): NumberSet {
  if (match === undefined) return known;
  const sequences = resolveSequenceSet(match.sequences, selected.shown.count);
  const uids = resolveSequenceSet(match.uids, selected.shown.lastUid);
  let agreed = 0;
  for (let i = 0; i + 1 < sequences.length && i + 1 < uids.length; i += 2) {
    const [number, uid] = [sequences[i + 1] as number, uids[i + 1] as number];
    if (selected.shown.uidOf(number) === uid) agreed = Math.max(agreed, uid);
  }
  return agreed === 0 ? known : intersectionOfSets(known, [agreed + 1, 0xffffffff]);
}

/** SELECT and EXAMINE (RFC 9051 section 6.3.2 and 6.3.3). */
export const select: Handler<'SELECT' | 'EXAMINE'> = { when: 'authenticated', run: open };

/** UNSELECT (RFC 3691). */
export const unselect: Handler<'UNSELECT'> = {
  when: 'selected',
  run(session) {
    session.deselect();
    return ok('UNSELECT completed');
  },
};

/** CLOSE (RFC 9051 section 6.4.1): expunges without telling. */
export const close: Handler<'CLOSE'> = {
  when: 'selected',
  async run(session) {
    const selected = session.selected as SelectedMailbox;
    if (!selected.readOnly) {
      const { accountId, mailboxId, knownModseq } = selected;
      const { delta } = await session.mail.expungeMessages(
        { accountId, mailboxId, knownModseq },
        { routeKey: accountId },
      );
      await selected.apply(delta);
    }
    session.deselect();
    return ok('CLOSE completed');
  },
};
