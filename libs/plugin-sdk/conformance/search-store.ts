import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import type { SearchDocument, SearchField, SearchScope, SearchStore, SearchTerm } from '../src/index.ts';
import { runAndKill } from './child.ts';
import { driverTests } from './driver.ts';
import {
  heading,
  mayRejectWith,
  rejectsWith,
  type Subject,
  type SuiteOptions,
  type TestApi,
  uniqueName,
} from './suite.ts';
import { wordOf } from './workloads.ts';

const FIELDS: readonly SearchField[] = ['subject', 'from', 'to', 'cc', 'bcc', 'headers', 'body'];

/** Checks a search store against the obligations of `SearchStore`. */
export function searchStoreSuite(options: SuiteOptions<'search'>): void {
  heading(options, (test, subject) => {
    driverTests(test, subject, 'search');
    matchTests(test, subject);
    scopeTests(test, subject);
    modelTest(test, subject);
    persistenceTests(test, subject);
  });
}

const newScope = (mailboxId = 1): SearchScope => ({ accountId: uniqueName(), mailboxId });
const body = (uid: number, text: string): SearchDocument => ({ uid, fields: { body: text } });
const inBody = (text: string): SearchTerm => ({ fields: ['body'], text });

/** The candidates for one term: of all UIDs if the term cannot be narrowed. */
async function candidates(
  store: SearchStore,
  scope: SearchScope,
  term: SearchTerm,
  all: readonly number[],
): Promise<number[]> {
  const [match] = await store.query(scope, [term]);
  assert.ok(match, 'no answer for the term');
  if (!match.narrowed) {
    assert.equal(match.uids.length, 0, 'not narrowed, and yet UIDs');
    return [...all];
  }
  assert.ok(match.uids instanceof Uint32Array);
  const uids = [...match.uids];
  for (const [index, uid] of uids.entries()) assert.ok(index === 0 || uid > uids[index - 1]!, 'UIDs are not ascending');
  return uids;
}

function assertIncludes(found: readonly number[], expected: readonly number[], what: string): void {
  for (const uid of expected) assert.ok(found.includes(uid), `${what}: misses UID ${uid}`);
}

function matchTests(test: TestApi['test'], subject: Subject<'search'>): void {
  test('a substring is found in its field, whatever the case, and narrows', async () => {
    await subject.use(async (store) => {
      const scope = newScope();
      const documents: SearchDocument[] = FIELDS.map((field, index) => ({
        uid: index + 1,
        fields: { [field]: `Some NEEDLE-${field}-x in the hay` },
      }));
      const noise = Array.from({ length: 50 }, (_, index) => body(index + 100, `nothing of interest ${index}`));
      await store.index(scope, [...documents, ...noise], 149);
      const all = [...documents, ...noise].map(({ uid }) => uid);
      for (const [index, field] of FIELDS.entries()) {
        for (const text of [`needle-${field}`, `EEDLE-${field.toUpperCase()}-X IN`]) {
          const found = await candidates(store, scope, { fields: [field], text }, all);
          assertIncludes(found, [index + 1], `"${text}" in ${field}`);
          assertIncludes(await candidates(store, scope, { fields: FIELDS, text }, all), [index + 1], 'in any field');
        }
      }
      const matches = await store.query(scope, [inBody('needle-body'), inBody('absent from all'), inBody('in')]);
      assert.equal(matches.length, 3);
      assert.ok(matches[0]!.narrowed && matches[0]!.uids.length < 40, 'a long and rare text is not narrowed');
      assert.deepEqual(await store.query(scope, []), []);
    });
  });

  test('no match is missed: signs, quotes, other scripts, case in Unicode', async () => {
    await subject.use(async (store) => {
      const scope = newScope();
      const contents = [
        'He said "quote" and \'single\' (brackets) * ? % _ \\ back',
        'AND OR NOT NEAR("x") body:word ^caret -minus +plus',
        'Straße STRASSE ǅungla ΣΊΣΥΦΟΣ ΟΔΟΣ και ΟΔΟΣΑ',
        'İSTANBUL ılık IĞDIR i̇z ÅNGSTRÖM ﬁne K Kelvin',
        '日本語のメール本文です。検索できますか',
        'Привет МИР 👋🏽👩‍👩‍👧 emoji',
        'line one\r\nline two\ttab \u0000 nul \u00a0nbsp',
        'e\u0301clair ÉCLAIR Éclair',
      ];
      const documents = contents.map((content, index) => body(index + 1, content));
      await store.index(scope, documents, documents.length);
      const all = documents.map(({ uid }) => uid);
      for (const [index, content] of contents.entries()) {
        const characters = Array.from(content);
        for (let at = 0; at + 3 <= characters.length; at += 1) {
          for (const size of [3, 4, 7, 12]) {
            const text = characters.slice(at, at + size).join('');
            for (const variant of new Set([text, lower(text), text.toLowerCase()])) {
              if (!matches(content, variant)) continue;
              assertIncludes(
                await candidates(store, scope, inBody(variant), all),
                [index + 1],
                JSON.stringify(variant),
              );
            }
          }
        }
      }
    });
  });

  test('texts without limit or sense are answered', async () => {
    await subject.use(async (store) => {
      const scope = newScope();
      const long = 'lorem ipsum dolor '.repeat(20_000);
      await store.index(
        scope,
        [body(1, long), body(2, '\ud800 lone surrogate \udc00\ud800'), { uid: 3, fields: {} }],
        3,
      );
      const strange = [
        '',
        ' ',
        'a',
        '\0\0\0',
        '"""',
        '\ud800\ud800\ud800',
        '\ud83d',
        "'; DROP TABLE document; --",
        '***',
      ];
      for (const text of strange) await candidates(store, scope, inBody(text), [1, 2, 3]);
      assertIncludes(await candidates(store, scope, inBody(long.trimEnd()), [1, 2, 3]), [1], 'a very long text');
      assertIncludes(
        await candidates(store, scope, inBody('lone surrogate'), [1, 2, 3]),
        [2],
        'beside lone surrogates',
      );
      await candidates(store, scope, { fields: [], text: 'lorem' }, []);
    });
  });
}

function scopeTests(test: TestApi['test'], subject: Subject<'search'>): void {
  test('each mailbox of each account has its own documents and its own mark', async () => {
    await subject.use(async (store) => {
      const one = newScope(1);
      const two = { ...one, mailboxId: 2 };
      const other = newScope(1);
      assert.equal(await store.indexedToUid(one), 0);
      await store.index(one, [body(1, 'shared word'), body(4_294_967_295, 'shared word')], 7);
      await store.index(two, [body(2, 'shared word')], 2);
      await store.index(other, [], 9);
      assert.deepEqual(await candidates(store, one, inBody('shared word'), [1, 4_294_967_295]), [1, 4_294_967_295]);
      assert.deepEqual(await candidates(store, two, inBody('shared word'), [2]), [2]);
      assert.deepEqual(await candidates(store, other, inBody('shared word'), []), []);
      assert.deepEqual(
        [await store.indexedToUid(one), await store.indexedToUid(two), await store.indexedToUid(other)],
        [7, 2, 9],
      );
      await store.remove(two);
      assert.equal(await store.indexedToUid(two), 0);
      assert.deepEqual(await candidates(store, two, inBody('shared word'), []), []);
      assertIncludes(await candidates(store, one, inBody('shared word'), [1]), [1], 'the other mailbox');
      await store.index(two, [body(3, 'shared word')], 3);
      await store.remove({ accountId: one.accountId });
      assert.equal(await store.indexedToUid(one), 0);
      assert.equal(await store.indexedToUid(two), 0);
      assert.deepEqual(await candidates(store, one, inBody('shared word'), []), []);
      assert.equal(await store.indexedToUid(other), 9);
    });
  });

  test('a document of the same UID replaces, removing single ones leaves the mark', async () => {
    await subject.use(async (store) => {
      const scope = newScope();
      await store.index(scope, [body(1, 'first content'), body(2, 'first content')], 2);
      await store.index(scope, [body(1, 'second version')], 2);
      assertIncludes(await candidates(store, scope, inBody('second version'), [1, 2]), [1], 'the new content');
      const old = await candidates(store, scope, inBody('first content'), [1, 2]);
      assertIncludes(old, [2], 'the one not replaced');
      await store.remove(scope, [1, 77]);
      const [match] = await store.query(scope, [inBody('second version')]);
      assert.ok(!match!.narrowed || match!.uids.length === 0, 'a removed document is found');
      assert.equal(await store.indexedToUid(scope), 2);
      await store.remove(scope, []);
    });
  });

  test('a call that is cancelled before it begins rejects and has no effect', async () => {
    await subject.use(async (store) => {
      const scope = newScope();
      const signal = AbortSignal.abort();
      await rejectsWith(store.index(scope, [body(1, 'cancelled')], 1, { signal }), 'cancelled');
      await rejectsWith(store.query(scope, [inBody('cancelled')], { signal }), 'cancelled');
      assert.equal(await store.indexedToUid(scope), 0);
      await mayRejectWith(
        store.index(scope, [body(1, 'x')], 1, { signal: AbortSignal.timeout(60_000) }),
        'deadline-exceeded',
      );
      assert.equal(await store.indexedToUid(scope), 1);
    });
  });
}

/** Simple lower-casing, character by character, as an IMAP SEARCH compares. */
function lower(text: string): string {
  return Array.from(text, (character) => (character === 'İ' ? 'i' : character.toLowerCase())).join('');
}

function matches(content: string, text: string): boolean {
  return lower(content).includes(lower(text)) || content.toLowerCase().includes(text.toLowerCase());
}

function modelTest(test: TestApi['test'], subject: Subject<'search'>): void {
  const words = fc.stringMatching(/^[abAB"é]{0,8}$/);
  const steps = fc.array(
    fc.oneof(
      fc.record({ type: fc.constant('index' as const), uid: fc.integer({ min: 1, max: 6 }), text: words }),
      fc.record({ type: fc.constant('remove' as const), uid: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ type: fc.constant('query' as const), text: words }),
    ),
    { minLength: 1, maxLength: 12 },
  );

  test('never misses a match under arbitrary indexing, removing and asking', async () => {
    await subject.use(async (store) => {
      await fc.assert(
        fc.asyncProperty(steps, async (plan) => {
          const scope = newScope();
          const model = new Map<number, string>();
          for (const step of plan) {
            if (step.type === 'index') {
              await store.index(scope, [body(step.uid, step.text)], 6);
              model.set(step.uid, step.text);
            } else if (step.type === 'remove') {
              await store.remove(scope, [step.uid]);
              model.delete(step.uid);
            } else {
              const expected = [...model].filter(([, text]) => matches(text, step.text)).map(([uid]) => uid);
              const found = await candidates(store, scope, inBody(step.text), [...model.keys()]);
              assertIncludes(found, expected, JSON.stringify(step.text));
            }
          }
        }),
        { numRuns: 25 },
      );
    });
  });
}

function persistenceTests(test: TestApi['test'], subject: Subject<'search'>): void {
  test('an index that is lost says so: after opening again no match below the mark is missing', async () => {
    const scope = newScope();
    await subject.use((store) => store.index(scope, [body(1, 'kept content')], 1));
    await subject.use(async (store) => {
      if ((await store.indexedToUid(scope)) === 0) return;
      assertIncludes(await candidates(store, scope, inBody('kept content'), [1]), [1], 'after opening');
      await store.remove({ accountId: scope.accountId });
    });
  });

  if (subject.crash === undefined) return;
  test('after SIGKILL the mark never says more than is indexed', async () => {
    for (let round = 0; round < 2; round += 1) {
      const accountId = uniqueName();
      await runAndKill(subject, 'search', accountId, randomInt(1, 60));
      await subject.use(async (store) => {
        const scope = { accountId, mailboxId: 1 };
        const indexed = await store.indexedToUid(scope);
        const all = Array.from({ length: indexed }, (_, index) => index + 1);
        for (const uid of all) {
          assertIncludes(await candidates(store, scope, inBody(wordOf(uid)), all), [uid], `indexed to ${indexed}`);
        }
        await store.remove({ accountId });
      });
    }
  });
}
