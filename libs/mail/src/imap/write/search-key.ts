import { formatCalendarDate } from '../date.ts';
import type { SearchKey } from '../search-key.ts';
import { formatSequenceSet } from '../sequence-set.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { StringWriter } from './string-writer.ts';

const FLAG_KEYS: ReadonlyMap<string, string> = new Map([
  ['\\Answered', 'ANSWERED'],
  ['\\Deleted', 'DELETED'],
  ['\\Draft', 'DRAFT'],
  ['\\Flagged', 'FLAGGED'],
  ['\\Seen', 'SEEN'],
]);

/** Search criteria as a client sends them, a space before each. */
export function writeSearchKeys(writer: ByteWriter, strings: StringWriter, keys: readonly SearchKey[]): void {
  for (const key of keys) {
    writer.raw(' ');
    writeKey(writer, strings, key);
  }
}

function writeKey(writer: ByteWriter, strings: StringWriter, key: SearchKey): void {
  switch (key.type) {
    case 'flag': {
      const name = FLAG_KEYS.get(key.flag);
      writer.raw(`${key.present ? '' : 'UN'}${name ?? `KEYWORD ${key.flag}`}`);
      break;
    }
    case 'from':
    case 'to':
    case 'cc':
    case 'bcc':
    case 'subject':
    case 'body':
    case 'text':
      writer.raw(key.type.toUpperCase());
      strings.octets(key.value.octets);
      break;
    case 'header':
      writer.raw('HEADER');
      strings.text(key.field).octets(key.value.octets);
      break;
    case 'before':
    case 'on':
    case 'since':
      writer.raw(`${key.sent ? 'SENT' : ''}${key.type.toUpperCase()} ${formatCalendarDate(key.date)}`);
      break;
    case 'larger':
    case 'smaller':
      writer.raw(`${key.type.toUpperCase()} ${key.size}`);
      break;
    case 'uid':
      writer.raw(`UID ${formatSequenceSet(key.set)}`);
      break;
    case 'sequence':
      writer.raw(formatSequenceSet(key.set));
      break;
    case 'modseq':
      writer.raw('MODSEQ');
      if (key.entry !== undefined) {
        strings.text(key.entry.name);
        writer.raw(` ${key.entry.kind}`);
      }
      writer.raw(` ${key.modSeq}`);
      break;
    case 'not':
      writer.raw('NOT');
      writeSearchKeys(writer, strings, [key.key]);
      break;
    case 'or':
      writer.raw('OR');
      writeSearchKeys(writer, strings, [key.left, key.right]);
      break;
    case 'and':
      key.keys.forEach((inner, index) => {
        writer.raw(index === 0 ? '(' : ' ');
        writeKey(writer, strings, inner);
      });
      writer.raw(')');
      break;
    default:
      writer.raw(key.type.toUpperCase());
  }
}
