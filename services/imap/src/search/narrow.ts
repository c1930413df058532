import { storage } from '@stoa/contracts';
import { intersectionOfSets, type NumberSet } from '@stoa/mail';
import { toStoaError } from '@stoa/plugin-sdk';
import type { CommandContext, SelectedView } from '../session-types.ts';
import { addressPieces } from './envelope-test.ts';
import type { Content, ContentKey } from './tests.ts';

const Field = storage.TextTerm_Field;

/**
 * Asks the full-text index which messages a search's keys on text can be true of. It only saves looking at the others:
 * what it finds is looked at, so that a search with it finds the same as one without, and one that fails costs time alone.
 */
export async function narrow(
  context: Pick<CommandContext, 'mail' | 'signal' | 'logger'>,
  { accountId, mailboxId }: Pick<SelectedView, 'accountId' | 'mailboxId'>,
  contents: readonly Content[],
): Promise<void> {
  const asked = contents
    .map((content) => ({ content, terms: termsOf(content.key) }))
    .filter(({ terms }) => terms.length > 0);
  if (asked.length === 0) return;
  const terms = asked.flatMap((some) => some.terms);
  let response: storage.SearchTextResponse;
  try {
    response = await context.mail.searchText(
      { accountId, mailboxId, terms },
      { routeKey: accountId, signal: context.signal },
    );
  } catch (error) {
    if (context.signal.aborted) throw error;
    context.logger.warn({ error: toStoaError(error) }, 'the full-text index cannot be asked; all messages are read');
    return;
  }
  let at = 0;
  for (const some of asked) {
    const answers = response.candidates.slice(at, at + some.terms.length);
    at += some.terms.length;
    let candidates: NumberSet | undefined;
    for (const { narrowed, uids } of answers) {
      if (!narrowed) continue;
      const bounds = uids?.bounds ?? [];
      candidates = candidates === undefined ? bounds : intersectionOfSets(candidates, bounds);
    }
    if (candidates !== undefined) some.content.narrow(candidates, response.indexedToUid);
  }
}

/** What to ask the index for: a message that has the key has all of these. */
function termsOf(key: ContentKey): storage.TextTerm[] {
  if (!('value' in key)) return [];
  const { text } = key.value;
  const term = (field: storage.TextTerm_Field, piece: string) => (piece === '' ? [] : [{ field, text: piece }]);
  const address = (field: storage.TextTerm_Field) => addressPieces(text).flatMap((piece) => term(field, piece));
  switch (key.type) {
    case 'body':
      return term(Field.FIELD_BODY, text);
    // The index has headers with their text decoded as a field of its own.
    case 'text':
    case 'header':
      return term(Field.FIELD_TEXT, text);
    case 'subject':
      return term(Field.FIELD_SUBJECT, text);
    case 'from':
      return address(Field.FIELD_FROM);
    case 'to':
      return address(Field.FIELD_TO);
    case 'cc':
      return address(Field.FIELD_CC);
    case 'bcc':
      return address(Field.FIELD_BCC);
  }
}
