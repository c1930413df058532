import type { CreateCommand, MailboxCommand, QresyncParam, RenameCommand, SelectCommand } from '../command.ts';
import { SAVED_RESULT, type SequenceRanges, STAR } from '../sequence-set.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import type { Cursor } from './cursor.ts';
import { parseFlag } from './flags.ts';

const SPACE = 0x20;
const CLOSE = 0x29;

/** The arguments of SELECT and EXAMINE (RFC 9051 section 6.3.2, RFC 7162 section 7). */
export function parseSelect(cursor: Cursor, tag: string, name: 'SELECT' | 'EXAMINE'): SelectCommand {
  cursor.space();
  const mailbox = cursor.mailbox();
  const command: SelectCommand = { tag, name, mailbox, condstore: false, qresync: undefined };
  if (cursor.accept(SPACE) && !cursor.atEnd) {
    cursor.open();
    cursor.restOfList(() => {
      const param = cursor.keyword('a SELECT parameter');
      if (param === 'CONDSTORE') command.condstore = true;
      else if (param === 'QRESYNC') command.qresync = parseQresync(cursor);
      else throw new ImapSyntaxError('Unknown SELECT parameter');
    });
  }
  return command;
}

function parseQresync(cursor: Cursor): QresyncParam {
  cursor.space();
  cursor.open();
  const uidValidity = cursor.nonZeroNumber();
  cursor.space();
  const modSeq = cursor.number64();
  let knownUids: SequenceRanges | undefined;
  let match: QresyncParam['match'];
  let more = cursor.accept(SPACE);
  if (more && cursor.peek !== 0x28) {
    knownUids = parseKnown(cursor);
    more = cursor.accept(SPACE);
  }
  if (more) {
    cursor.open();
    const sequences = parseKnown(cursor);
    cursor.space();
    match = { sequences, uids: parseKnown(cursor) };
    cursor.expect(CLOSE);
  }
  cursor.expect(CLOSE);
  return { uidValidity, modSeq, knownUids, match };
}

/** A sequence-set without `*` and `$`. */
function parseKnown(cursor: Cursor): SequenceRanges {
  const set = cursor.sequenceSet();
  if (set === SAVED_RESULT || set.includes(STAR)) throw new ImapSyntaxError('Only numbers are allowed in QRESYNC');
  return set;
}

/** The arguments of CREATE, with USE of RFC 6154 section 3. */
export function parseCreate(cursor: Cursor, tag: string): CreateCommand {
  cursor.space();
  const command: CreateCommand = { tag, name: 'CREATE', mailbox: cursor.mailbox(), specialUse: [] };
  if (cursor.accept(SPACE) && !cursor.atEnd) {
    cursor.open();
    if (cursor.keyword('a CREATE parameter') !== 'USE') throw new ImapSyntaxError('Unknown CREATE parameter');
    cursor.space();
    cursor.open();
    cursor.restOfList(() => {
      if (cursor.peek !== 0x5c) throw new ImapSyntaxError('Expected a special-use attribute');
      command.specialUse.push(parseFlag(cursor));
    }, true);
    cursor.expect(CLOSE);
  }
  return command;
}

export function parseMailboxCommand(cursor: Cursor, tag: string, name: MailboxCommand['name']): MailboxCommand {
  cursor.space();
  return { tag, name, mailbox: cursor.mailbox() };
}

export function parseRename(cursor: Cursor, tag: string): RenameCommand {
  cursor.space();
  const from = cursor.mailbox();
  cursor.space();
  return { tag, name: 'RENAME', from, to: cursor.mailbox() };
}
