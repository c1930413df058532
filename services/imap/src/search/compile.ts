import {
  daysSinceEpoch,
  FLAG,
  keywordIndex,
  type MailboxSnapshot,
  type NumberSet,
  resolveSequenceSet,
  type SearchKey,
  type SequenceSet,
} from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import {
  Both,
  Constant,
  Content,
  FALSE,
  HasKeyword,
  HasSystemFlag,
  InColumn,
  InSet,
  IsRecent,
  Not,
  SYSTEM_FLAG_BITS,
  type Test,
  TRUE,
} from './tests.ts';

/** The mailbox as far as search keys ask for it. */
export interface SearchedMailbox {
  readonly shown: MailboxSnapshot;
  readonly keywords: readonly string[];
  readonly saved: NumberSet;
  isRecent(uid: number): boolean;
}

export interface Search {
  test: Test;
  /** The keys of it on the content of messages; the same key is there once. */
  contents: readonly Content[];
}

/** Different keys on the content of messages in one search: each costs a look at all of the text. */
const MAX_CONTENT_KEYS = 64;

const DAY = 86_400;

/** Makes tests of search keys. Rejects more keys on content than a message can be searched for at once. */
export function compileSearch(keys: readonly SearchKey[], mailbox: SearchedMailbox): Search {
  const contents = new Map<string, Content>();
  const content = (key: Content['key']): Content => {
    const name = JSON.stringify('value' in key ? { ...key, value: key.value.text } : key);
    const known = contents.get(name);
    if (known !== undefined) return known;
    if (contents.size === MAX_CONTENT_KEYS) throw new StoaError('limit-exceeded', 'too many search keys on text');
    const made = new Content(key);
    contents.set(name, made);
    return made;
  };

  const compile = (key: SearchKey): Test => {
    switch (key.type) {
      case 'all':
        return new Constant(TRUE);
      case 'flag': {
        const test = flagTest(key.flag, mailbox.keywords);
        return key.present ? test : new Not(test);
      }
      case 'recent':
        return recent();
      case 'new':
        return new Both([recent(), new Not(new HasSystemFlag(FLAG.seen))], 'and');
      case 'old':
        return new Not(recent());
      case 'uid':
        return new InSet(resolveSequenceSet(key.set, mailbox.shown.lastUid, mailbox.saved));
      case 'sequence':
        return new InSet(uidsOf(key.set, mailbox));
      case 'larger':
        return new InColumn('sizes', key.size + 1, Number.POSITIVE_INFINITY);
      case 'smaller':
        return new InColumn('sizes', 0, key.size);
      case 'modseq':
        return new InColumn('modseqs', key.modSeq, Number.POSITIVE_INFINITY);
      case 'before':
      case 'on':
      case 'since':
        return key.sent ? content(key) : receivedTest(key);
      case 'not':
        return new Not(compile(key.key));
      case 'or':
        return new Both([compile(key.left), compile(key.right)], 'or');
      case 'and':
        return new Both(key.keys.map(compile), 'and');
      default:
        return content(key);
    }
  };
  const recent = () => new IsRecent((uid) => mailbox.isRecent(uid));
  const [first] = keys;
  const test = keys.length === 1 && first !== undefined ? compile(first) : compile({ type: 'and', keys: [...keys] });
  return { test, contents: [...contents.values()] };
}

/** Message numbers beyond the last name nothing: unlike FETCH, SEARCH has no message to miss. */
function uidsOf(set: SequenceSet, { shown, saved }: Pick<SearchedMailbox, 'shown' | 'saved'>): NumberSet {
  if (set === '$') return saved;
  return shown.uidsOfSequences(resolveSequenceSet(set, shown.count));
}

function flagTest(flag: string, keywords: readonly string[]): Test {
  const bit = SYSTEM_FLAG_BITS.get(flag.toLowerCase());
  if (bit !== undefined) return new HasSystemFlag(bit);
  const [number = -1] = keywordIndex(keywords, [flag]);
  return number < 0 ? new Constant(FALSE) : new HasKeyword(number);
}

type DateKey = Extract<SearchKey, { sent: boolean }>;

/** The internal date's day is that in UTC, the zone in which FETCH shows it. */
function receivedTest({ type, date }: DateKey): Test {
  const start = daysSinceEpoch(date) * DAY;
  const least = type === 'before' ? Number.NEGATIVE_INFINITY : start;
  const below = type === 'before' ? start : type === 'on' ? start + DAY : Number.POSITIVE_INFINITY;
  return new InColumn('seconds', least, below);
}
