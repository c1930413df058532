import type { CalendarDate } from './date.ts';
import type { SequenceSet } from './sequence-set.ts';

/** Search criteria (RFC 9051 section 6.4.4, RFC 7162 section 3.1.5). */
export type SearchKey =
  | { type: 'all' }
  /** System flags and KEYWORD, UNKEYWORD. */
  | { type: 'flag'; flag: string; present: boolean }
  /** NEW is RECENT UNSEEN, OLD is NOT RECENT (RFC 3501). */
  | { type: 'recent' | 'new' | 'old' }
  | { type: 'from' | 'to' | 'cc' | 'bcc' | 'subject' | 'body' | 'text'; value: SearchString }
  /** An empty value asks for any message that has the field. */
  | { type: 'header'; field: string; value: SearchString }
  /** Against the internal date, or against the Date field (SENTBEFORE, SENTON, SENTSINCE). */
  | { type: 'before' | 'on' | 'since'; sent: boolean; date: CalendarDate }
  | { type: 'larger' | 'smaller'; size: number }
  | { type: 'uid' | 'sequence'; set: SequenceSet }
  | { type: 'modseq'; modSeq: number; entry: { name: string; kind: 'all' | 'priv' | 'shared' } | undefined }
  | { type: 'not'; key: SearchKey }
  | { type: 'or'; left: SearchKey; right: SearchKey }
  | { type: 'and'; keys: SearchKey[] };

/** What to look for. */
export interface SearchString {
  /** As sent, in the command's charset. */
  octets: Buffer;
  text: string;
}

/** Options of RETURN (RFC 4731, 5182); `RETURN ()` is the same as `RETURN (ALL)`. */
export interface SearchReturn {
  min: boolean;
  max: boolean;
  all: boolean;
  count: boolean;
  save: boolean;
}
