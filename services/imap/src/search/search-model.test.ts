import { formatNumberSet, numberSetOf, type SearchKey } from '@stoa/mail';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandOf, FakeStore } from '../../test/support/fake-store.ts';
import { isIndexed, isTrueOf, modelKey, modelMessage, written } from '../../test/support/model-mail.ts';
import { runSearch } from './index.ts';

describe('SEARCH', () => {
  it('finds what the plain meaning of its keys says, whatever the full-text index knows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(modelMessage, { maxLength: 30 }),
        fc.array(modelKey, { minLength: 1, maxLength: 3 }),
        fc.record({
          indexed: fc.nat(31),
          narrows: fc.boolean(),
          noise: fc.nat(7),
          fails: fc.constantFrom(false, false, true),
        }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 }),
        async (messages, keys, index, pieces) => {
          const uids: number[] = [];
          for (const { gap } of messages) uids.push((uids.at(-1) ?? 0) + gap);
          const store = new FakeStore(
            messages.map((message, at) => written(message, uids[at] as number)),
            ['$Work'],
          );
          store.pieces = pieces;
          const indexedTo = uids[index.indexed - 1] ?? (index.indexed === 0 ? 0 : (uids.at(-1) ?? 0));
          store.searchText = ({ terms }) => {
            if (index.fails) throw new Error('out of order');
            const candidates = terms.map((term) => {
              const bounds = uids.filter((uid, at) => {
                if (uid > indexedTo) return false;
                return isIndexed(term, messages[at] as (typeof messages)[number]) || (uid * 31) % 7 < index.noise - 4;
              });
              const narrowed = index.narrows && term.text.length >= 3;
              return { uids: { bounds: narrowed ? numberSetOf(bounds) : [] }, narrowed };
            });
            return { candidates, indexedToUid: indexedTo };
          };
          const root: SearchKey = { type: 'and', keys };
          const expected = uids.filter((uid, at) => {
            const place = { uid, lastUid: uids.at(-1) as number, sequence: at + 1, count: uids.length };
            return isTrueOf(root, messages[at] as (typeof messages)[number], place);
          });
          const session = store.session();
          const command = { ...commandOf('SEARCH', 'UID SEARCH RETURN (ALL COUNT) ALL'), keys };
          await runSearch(session, session.selected, command);
          const all = expected.length === 0 ? '' : ` ALL ${formatNumberSet(numberSetOf(expected))}`;
          expect(session.writer.take().replace(/ MODSEQ \d+/, '')).toBe(
            `* ESEARCH (TAG "a") UID COUNT ${expected.length}${all}\r\n`,
          );
        },
      ),
      { numRuns: 1000 },
    );
  });
});
