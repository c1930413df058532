import type { AppendCommand, ImapCommand, ListCommand, SelectCommand } from '../command.ts';
import { formatInternalDate } from '../date.ts';
import { encodeMailboxName } from '../mailbox-name.ts';
import { formatSequenceSet } from '../sequence-set.ts';
import { ByteWriter } from './byte-writer.ts';
import { writeFetchName, writeFlags } from './fetch.ts';
import { writeSearchKeys } from './search-key.ts';
import { StringWriter } from './string-writer.ts';

export interface CommandFormat {
  /** Mailbox names in UTF-8, not modified UTF-7. */
  utf8?: boolean;
  /** Every string as a non-synchronizing literal, not only those that cannot be quoted. */
  literals?: boolean;
}

/**
 * A command as a client sends it, with its line end; literals are non-synchronizing (RFC 7888). An APPEND ends behind
 * the announcement of its message: then come the message, `)` for the `utf8` form, and a line end.
 */
export function formatCommand(command: ImapCommand, format: CommandFormat = {}): Buffer {
  const writer = new ByteWriter();
  const strings = new StringWriter(writer, format.literals ?? false);
  const mailbox = (name: string) => strings.octets(encodeMailboxName(name, format.utf8 ?? false));
  writer.raw(`${command.tag} `);
  if ('uid' in command && command.uid) writer.raw('UID ');
  writer.raw(command.name);
  switch (command.name) {
    case 'AUTHENTICATE':
      writer.raw(` ${command.mechanism}`);
      if (command.initialResponse !== undefined) writer.raw(` ${command.initialResponse.toString('base64') || '='}`);
      break;
    case 'LOGIN':
      strings.text(command.user).text(command.password);
      break;
    case 'ENABLE':
      writer.raw(` ${command.capabilities.join(' ')}`);
      break;
    case 'ID':
      if (command.params === undefined) writer.raw(' NIL');
      else {
        strings.open();
        for (const [field, value] of command.params) {
          strings.text(field);
          if (value === undefined) writer.raw(' NIL');
          else strings.text(value);
        }
        strings.close();
      }
      break;
    case 'SELECT':
    case 'EXAMINE':
      mailbox(command.mailbox);
      writeSelectParams(writer, command);
      break;
    case 'CREATE':
      mailbox(command.mailbox);
      if (command.specialUse.length > 0) writer.raw(` (USE (${command.specialUse.join(' ')}))`);
      break;
    case 'DELETE':
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE':
      mailbox(command.mailbox);
      break;
    case 'RENAME':
      mailbox(command.from);
      mailbox(command.to);
      break;
    case 'LIST':
      writeListCommand(writer, strings, mailbox, command);
      break;
    case 'LSUB':
      mailbox(command.reference);
      mailbox(command.pattern);
      break;
    case 'STATUS':
      mailbox(command.mailbox);
      writer.raw(` (${command.items.join(' ')})`);
      break;
    case 'APPEND':
      mailbox(command.mailbox);
      writeAppendHead(writer, command);
      break;
    case 'EXPUNGE':
      if (command.set !== undefined) writer.raw(` ${formatSequenceSet(command.set)}`);
      break;
    case 'SEARCH':
      if (command.return !== undefined) {
        const options = Object.entries(command.return).filter(([, wanted]) => wanted);
        writer.raw(` RETURN (${options.map(([name]) => name.toUpperCase()).join(' ')})`);
      }
      if (command.charset !== undefined) {
        writer.raw(' CHARSET');
        strings.text(command.charset);
      }
      writeSearchKeys(writer, strings, command.keys);
      break;
    case 'FETCH':
      writer.raw(` ${formatSequenceSet(command.set)} (`);
      command.items.forEach((item, index) => {
        if (index > 0) writer.raw(' ');
        if (!('part' in item) && !('section' in item)) writer.raw(item.type);
        else {
          const name = new ByteWriter();
          writeFetchName(name, 'partial' in item ? { ...item, partial: undefined } : item);
          const text = name.view().toString('latin1');
          writer.raw('peek' in item && item.peek ? text.replace('[', '.PEEK[') : text);
          if ('partial' in item && item.partial) writer.raw(`<${item.partial.offset}.${item.partial.length}>`);
        }
      });
      writer.raw(')');
      if (command.changedSince !== undefined) {
        writer.raw(` (CHANGEDSINCE ${command.changedSince}${command.vanished ? ' VANISHED' : ''})`);
      }
      break;
    case 'STORE':
      writer.raw(` ${formatSequenceSet(command.set)} `);
      if (command.unchangedSince !== undefined) writer.raw(`(UNCHANGEDSINCE ${command.unchangedSince}) `);
      writer.raw(command.mode === 'add' ? '+' : command.mode === 'remove' ? '-' : '');
      writer.raw(command.silent ? 'FLAGS.SILENT ' : 'FLAGS ');
      writeFlags(writer, command.flags);
      break;
    case 'COPY':
    case 'MOVE':
      writer.raw(` ${formatSequenceSet(command.set)}`);
      mailbox(command.mailbox);
      break;
    default:
  }
  return writer.raw('\r\n').take();
}

function writeSelectParams(writer: ByteWriter, { condstore, qresync }: SelectCommand): void {
  const params: string[] = condstore ? ['CONDSTORE'] : [];
  if (qresync !== undefined) {
    const { uidValidity, modSeq, knownUids, match } = qresync;
    const parts = [uidValidity, modSeq];
    const known = knownUids === undefined ? '' : ` ${formatSequenceSet(knownUids)}`;
    const pairs =
      match === undefined ? '' : ` (${formatSequenceSet(match.sequences)} ${formatSequenceSet(match.uids)})`;
    params.push(`QRESYNC (${parts.join(' ')}${known}${pairs})`);
  }
  if (params.length > 0) writer.raw(` (${params.join(' ')})`);
}

function writeListCommand(
  writer: ByteWriter,
  strings: StringWriter,
  mailbox: (name: string) => void,
  { extended, select, reference, patterns, return: options }: ListCommand,
): void {
  const selection: string[] = [];
  if (select.subscribed) selection.push('SUBSCRIBED');
  if (select.remote) selection.push('REMOTE');
  if (select.recursiveMatch) selection.push('RECURSIVEMATCH');
  if (select.specialUse) selection.push('SPECIAL-USE');
  if (selection.length > 0) writer.raw(` (${selection.join(' ')})`);
  mailbox(reference);
  if (patterns.length === 1 && !extended) mailbox(patterns[0]!);
  else {
    strings.open();
    for (const pattern of patterns) mailbox(pattern);
    strings.close();
  }
  const returned: string[] = [];
  if (options.subscribed) returned.push('SUBSCRIBED');
  if (options.children) returned.push('CHILDREN');
  if (options.specialUse) returned.push('SPECIAL-USE');
  if (options.status !== undefined) returned.push(`STATUS (${options.status.join(' ')})`);
  if (returned.length > 0) writer.raw(` RETURN (${returned.join(' ')})`);
}

function writeAppendHead(writer: ByteWriter, command: AppendCommand): void {
  writer.raw(' ');
  if (command.flags.length > 0) {
    writeFlags(writer, command.flags);
    writer.raw(' ');
  }
  if (command.date !== undefined) writer.raw(`"${formatInternalDate(command.date.seconds, command.date.zone)}" `);
  if (command.utf8) writer.raw('UTF8 (');
  if (command.binary) writer.raw('~');
  writer.raw(`{${command.size}${command.synchronizing ? '' : '+'}}`);
}
