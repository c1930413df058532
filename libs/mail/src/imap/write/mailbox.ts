import type { StatusItem } from '../command.ts';
import { encodeUtf7 } from '../utf7.ts';
import type { ByteWriter } from './byte-writer.ts';

/** A mailbox name: in UTF-8 after ENABLE IMAP4rev2 or UTF8=ACCEPT, else in modified UTF-7. */
export function writeMailbox(writer: ByteWriter, name: string, utf8: boolean): void {
  if (!utf8) writer.astring(encodeUtf7(name));
  else if (/^[\0-\x7f]*$/.test(name)) writer.astring(name);
  else writer.quotedUtf8(name);
}

/** One mailbox in the answer to LIST or LSUB (RFC 9051 section 7.3.1). */
export interface ListResponse {
  name: string;
  /** Attributes such as `\HasNoChildren`. */
  attributes: readonly string[];
  /** Selection options that mailboxes below this one match: CHILDINFO (RFC 5258 section 4). */
  childInfo?: readonly string[];
  /** The name that the client used or knew: OLDNAME (RFC 9051 section 6.3.9.7). */
  oldName?: string;
}

/** `* LIST (\HasNoChildren) "/" name`; `kind` LSUB for LSUB. */
export function writeList(writer: ByteWriter, list: ListResponse, utf8: boolean, kind: 'LIST' | 'LSUB' = 'LIST'): void {
  writer.raw(`* ${kind} (${list.attributes.join(' ')}) "/" `);
  writeMailbox(writer, list.name, utf8);
  const childInfo = list.childInfo ?? [];
  if (childInfo.length > 0 || list.oldName !== undefined) {
    writer.raw(' (');
    if (childInfo.length > 0) writer.raw(`"CHILDINFO" (${childInfo.map((option) => `"${option}"`).join(' ')})`);
    if (list.oldName !== undefined) {
      writer.raw(childInfo.length > 0 ? ' "OLDNAME" (' : '"OLDNAME" (');
      writeMailbox(writer, list.oldName, utf8);
      writer.raw(')');
    }
    writer.raw(')');
  }
  writer.raw('\r\n');
}

/** `* STATUS name (MESSAGES 1 UIDNEXT 5)`; a value undefined stands for NIL, which APPENDLIMIT may be (RFC 7889). */
export function writeStatus(
  writer: ByteWriter,
  name: string,
  values: Iterable<readonly [item: StatusItem, value: number | undefined]>,
  utf8: boolean,
): void {
  writer.raw('* STATUS ');
  writeMailbox(writer, name, utf8);
  let separator = ' (';
  for (const [item, value] of values) {
    writer.raw(`${separator}${item} ${value ?? 'NIL'}`);
    separator = ' ';
  }
  writer.raw(separator === ' ' ? ')\r\n' : ' ()\r\n');
}

/** `* NAMESPACE` with the one personal namespace that starts at the root (RFC 2342). */
export function writeNamespace(writer: ByteWriter): void {
  writer.raw('* NAMESPACE (("" "/")) NIL NIL\r\n');
}
