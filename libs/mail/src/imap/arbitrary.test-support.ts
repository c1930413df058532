import fc from 'fast-check';
import { type ImapCommand, STATUS_ITEMS } from './command.ts';
import { FETCH_ATTRIBUTES, type FetchItem, type Section } from './fetch-item.ts';
import { canonicalMailboxName } from './mailbox-name.ts';
import type { SearchKey, SearchString } from './search-key.ts';
import { SAVED_RESULT, type SequenceRanges, type SequenceSet, STAR } from './sequence-set.ts';

/** Objects as the parser makes them: with a prototype. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const letter = fc.constantFrom(...LETTERS);
const atom = fc.string({ unit: fc.constantFrom(...LETTERS, '$', '_', '-', '.'), minLength: 1, maxLength: 12 });
const keyword = atom.map((name) => `$${name}`);
const upperAtom = atom.map((name) => name.toUpperCase());
const tag = fc.string({ unit: fc.constantFrom(...LETTERS, '.', '#', ']'), minLength: 1, maxLength: 10 });
const noNul = (text: string) => text.isWellFormed() && !text.includes('\0');
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...LETTERS, ' ', '"', '\\', '{', '}', '(', ')', '%', '*', '+', '\r', '\n') }),
  fc.string({ unit: 'binary' }).filter(noNul),
);
const mailbox = fc
  .oneof(fc.constant('INBOX'), fc.string({ unit: 'grapheme' }).filter(noNul), text.filter(noNul))
  .map(canonicalMailboxName);
const number = fc.integer({ min: 1, max: 0xffffffff });
const modSeq = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const flag = fc.oneof(fc.constantFrom('\\Seen', '\\Deleted', '\\Draft', '\\Answered', '\\Flagged', '\\Other'), keyword);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const ranges = (bound: fc.Arbitrary<number>): fc.Arbitrary<SequenceRanges> =>
  fc
    .array(
      fc.oneof(
        fc.tuple(bound, bound),
        bound.map((one) => [one, one]),
      ),
      { minLength: 1, maxLength: 6 },
    )
    .map((all) => all.flat());
const known = ranges(number);
const set: fc.Arbitrary<SequenceSet> = fc.oneof(fc.constant(SAVED_RESULT), ranges(fc.oneof(number, fc.constant(STAR))));

const internalDate = record({
  seconds: fc.integer({ min: -60_000_000_000, max: 250_000_000_000 }),
  zone: fc.integer({ min: -14 * 60, max: 14 * 60 }),
});
const calendarDate = record({
  year: fc.integer({ min: 0, max: 9999 }),
  month: fc.integer({ min: 1, max: 12 }),
  day: fc.integer({ min: 1, max: 28 }),
});

const partial = maybe(record({ offset: modSeq, length: number }));
const part = fc.array(number, { maxLength: 4 });
const section: fc.Arbitrary<Section> = fc.oneof(
  record({
    part,
    text: fc.constantFrom('HEADER' as const, 'TEXT' as const, undefined),
    fields: fc.constant<string[]>([]),
  }),
  record({
    part: fc.array(number, { minLength: 1, maxLength: 4 }),
    text: fc.constant('MIME' as const),
    fields: fc.constant<string[]>([]),
  }),
  record({
    part,
    text: fc.constantFrom('HEADER.FIELDS' as const, 'HEADER.FIELDS.NOT' as const),
    fields: fc.array(fc.oneof(atom, fc.string({ unit: fc.constantFrom(...LETTERS, ' ', '"', '\\', '(', ']') })), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
);
const fetchItem: fc.Arbitrary<FetchItem> = fc.oneof(
  record({ type: fc.constantFrom(...FETCH_ATTRIBUTES) }),
  record({ type: fc.constant('BODY[]' as const), peek: fc.boolean(), section, partial }),
  record({ type: fc.constant('BINARY[]' as const), peek: fc.boolean(), part, partial }),
  record({ type: fc.constant('BINARY.SIZE[]' as const), part }),
);

const value: fc.Arbitrary<SearchString> = text.map((found) => ({ octets: Buffer.from(found), text: found }));
const { key: searchKey } = fc.letrec<{ key: SearchKey }>((tie) => ({
  key: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    record({ type: fc.constantFrom('all' as const) }),
    record({ type: fc.constantFrom('recent' as const, 'new' as const, 'old' as const) }),
    record({
      type: fc.constant('flag' as const),
      flag: fc.oneof(fc.constantFrom('\\Seen', '\\Draft'), keyword),
      present: fc.boolean(),
    }),
    record({
      type: fc.constantFrom(
        'from' as const,
        'to' as const,
        'cc' as const,
        'bcc' as const,
        'subject' as const,
        'body' as const,
        'text' as const,
      ),
      value,
    }),
    record({ type: fc.constant('header' as const), field: atom, value }),
    record({
      type: fc.constantFrom('before' as const, 'on' as const, 'since' as const),
      sent: fc.boolean(),
      date: calendarDate,
    }),
    record({ type: fc.constantFrom('larger' as const, 'smaller' as const), size: modSeq }),
    record({ type: fc.constantFrom('uid' as const, 'sequence' as const), set }),
    record({
      type: fc.constant('modseq' as const),
      modSeq,
      entry: maybe(
        record({
          name: fc.constant('/flags/\\Seen'),
          kind: fc.constantFrom('all' as const, 'priv' as const, 'shared' as const),
        }),
      ),
    }),
    record({ type: fc.constant('not' as const), key: tie('key') }),
    record({ type: fc.constant('or' as const), left: tie('key'), right: tie('key') }),
    record({ type: fc.constant('and' as const), keys: fc.array(tie('key'), { minLength: 1, maxLength: 3 }) }),
  ),
}));

const statusItems = fc.uniqueArray(fc.constantFrom(...STATUS_ITEMS), { minLength: 1 });
const base = <N extends string>(...names: N[]) => ({ tag, name: fc.constantFrom(...names) });

/** Any command in the form in which the parser gives it. */
export const anyCommand: fc.Arbitrary<ImapCommand> = fc.oneof(
  record(base('CAPABILITY', 'NOOP', 'LOGOUT', 'STARTTLS', 'CHECK', 'CLOSE', 'UNSELECT', 'IDLE', 'NAMESPACE')),
  record({
    ...base('AUTHENTICATE'),
    mechanism: upperAtom,
    initialResponse: maybe(fc.uint8Array().map((octets) => Buffer.from(octets))),
  }),
  record({ ...base('LOGIN'), user: text, password: text }),
  record({ ...base('ENABLE'), capabilities: fc.array(upperAtom, { minLength: 1 }) }),
  record({ ...base('ID'), params: maybe(fc.array(fc.tuple(text, maybe(text)))) }),
  record({
    ...base('SELECT', 'EXAMINE'),
    mailbox,
    condstore: fc.boolean(),
    qresync: maybe(
      record({
        uidValidity: number,
        modSeq,
        knownUids: maybe(known),
        match: maybe(record({ sequences: known, uids: known })),
      }),
    ),
  }),
  record({ ...base('CREATE'), mailbox, specialUse: fc.array(letter.map((name) => `\\${name}`)) }),
  record({ ...base('DELETE', 'SUBSCRIBE', 'UNSUBSCRIBE'), mailbox }),
  record({ ...base('RENAME'), from: mailbox, to: mailbox }),
  record({
    ...base('LIST'),
    select: record({
      subscribed: fc.boolean(),
      remote: fc.boolean(),
      recursiveMatch: fc.boolean(),
      specialUse: fc.boolean(),
    }),
    reference: mailbox,
    patterns: fc.array(mailbox, { minLength: 1, maxLength: 3 }),
    return: record({
      subscribed: fc.boolean(),
      children: fc.boolean(),
      specialUse: fc.boolean(),
      status: maybe(statusItems),
    }),
  })
    .filter(({ select }) => !select.recursiveMatch || select.subscribed || select.specialUse)
    .map((list) => ({ ...list, extended: true })),
  record({ ...base('LSUB'), reference: mailbox, pattern: mailbox }),
  record({ ...base('STATUS'), mailbox, items: statusItems }),
  record({
    ...base('APPEND'),
    mailbox,
    flags: fc.array(flag),
    date: maybe(internalDate),
    size: fc.nat(500),
    synchronizing: fc.boolean(),
    binary: fc.boolean(),
    utf8: fc.boolean(),
  }).map((command) => ({ ...command, binary: command.binary || command.utf8 })),
  fc.oneof(
    record({ ...base('EXPUNGE'), uid: fc.constant(true), set }),
    record({ ...base('EXPUNGE'), uid: fc.constant(false), set: fc.constant(undefined) }),
  ),
  record({
    ...base('SEARCH'),
    uid: fc.boolean(),
    charset: fc.constantFrom(undefined, 'UTF-8', 'us-ascii'),
    return: maybe(
      record({
        min: fc.boolean(),
        max: fc.boolean(),
        all: fc.boolean(),
        count: fc.boolean(),
        save: fc.boolean(),
      }).filter((options) => Object.values(options).includes(true)),
    ),
    keys: fc.array(searchKey, { minLength: 1, maxLength: 4 }),
  }),
  record({
    ...base('FETCH'),
    uid: fc.boolean(),
    set,
    items: fc.array(fetchItem, { minLength: 1, maxLength: 5 }),
    changedSince: maybe(modSeq),
    vanished: fc.boolean(),
  }).map((command) => ({
    ...command,
    vanished: command.vanished && command.uid && command.changedSince !== undefined,
  })),
  record({
    ...base('STORE'),
    uid: fc.boolean(),
    set,
    mode: fc.constantFrom('replace' as const, 'add' as const, 'remove' as const),
    silent: fc.boolean(),
    flags: fc.array(flag),
    unchangedSince: maybe(modSeq),
  }),
  record({ ...base('COPY', 'MOVE'), uid: fc.boolean(), set, mailbox }),
);

/** `octets` cut at any places. */
export function chunksOf(octets: Uint8Array): fc.Arbitrary<Buffer[]> {
  const cuts = fc.oneof(
    fc.array(fc.nat(octets.length), { maxLength: 20 }),
    fc.constant(Array.from(octets, (_, index) => index)),
  );
  return cuts.map((places) => {
    const sorted = [...places, octets.length].sort((a, b) => a - b);
    let from = 0;
    return sorted.map((to) => {
      const chunk = Buffer.from(octets.subarray(from, to));
      from = to;
      return chunk;
    });
  });
}
