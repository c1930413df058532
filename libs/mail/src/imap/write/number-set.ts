import { type NumberSet, numberSetOf } from '../../mailbox/uid-set.ts';
import type { ByteWriter } from './byte-writer.ts';

/** A set as a sequence-set: `1:3,5`; nothing for an empty set. */
export function writeNumberSet(writer: ByteWriter, set: NumberSet): void {
  for (let i = 0; i + 1 < set.length; i += 2) {
    const first = set[i]!;
    const last = set[i + 1]!;
    if (i > 0) writer.byte(0x2c);
    writer.number(first);
    if (last > first) writer.byte(0x3a).number(last);
  }
}

export function formatNumberSet(set: NumberSet): string {
  let text = '';
  for (let i = 0; i + 1 < set.length; i += 2) {
    const first = set[i]!;
    const last = set[i + 1]!;
    if (i > 0) text += ',';
    text += last > first ? `${first}:${last}` : first;
  }
  return text;
}

/** Ascending numbers as a sequence-set. */
export function formatNumbers(ascending: Iterable<number>): string {
  return formatNumberSet(numberSetOf(ascending));
}

/**
 * The numbers of a copy in the order in which they were copied, as COPYUID shows them (RFC 4315 section 3): runs that
 * ascend by one become ranges, the order is kept.
 */
export function formatUidList(uids: Iterable<number>): string {
  let text = '';
  let first = 0;
  let last = -1;
  const flush = () => {
    if (first > 0) text += `${text === '' ? '' : ','}${first === last ? first : `${first}:${last}`}`;
  };
  for (const uid of uids) {
    if (uid === last + 1) {
      last = uid;
      continue;
    }
    flush();
    first = uid;
    last = uid;
  }
  flush();
  return text;
}
