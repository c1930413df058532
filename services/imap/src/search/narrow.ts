import { storage } from '@stoa/contracts';
import { includesNumber, type NumberSet, type SearchKey } from '@stoa/mail';
import { toStoaError } from '@stoa/plugin-sdk';
import type { CommandContext, SelectedView } from '../session-types.ts';
import type { Verdict } from './evaluate.ts';

const { TextTerm_Field: Field } = storage;

const FIELDS: Partial<Record<SearchKey['type'], storage.TextTerm_Field>> = {
  body: Field.FIELD_BODY,
  text: Field.FIELD_TEXT,
  subject: Field.FIELD_SUBJECT,
  from: Field.FIELD_FROM,
  to: Field.FIELD_TO,
  cc: Field.FIELD_CC,
  bcc: Field.FIELD_BCC,
};

/** What the full-text index says: false where it rules a message out, else nothing. */
export interface Narrowing {
  verdict(key: SearchKey, uid: number): Verdict;
}

const NOTHING: Narrowing = { verdict: () => undefined };

/** Asks the full-text index about all text keys at once. Without an index every message is looked at. */
export async function narrow(
  context: CommandContext,
  view: SelectedView,
  keys: readonly SearchKey[],
): Promise<Narrowing> {
  const wanted = keys.flatMap((key) => {
    const field = FIELDS[key.type];
    return field !== undefined && 'value' in key && key.value.text !== ''
      ? [{ key, term: { field, text: key.value.text } }]
      : [];
  });
  if (wanted.length === 0) return NOTHING;
  const { accountId, mailboxId } = view;
  let found: storage.SearchTextResponse;
  try {
    found = await context.mail.searchText(
      { accountId, mailboxId, terms: wanted.map(({ term }) => term) },
      { routeKey: accountId },
    );
  } catch (error) {
    context.logger.warn(
      { error: toStoaError(error) },
      'the full-text index cannot be asked; messages are read one by one',
    );
    return NOTHING;
  }
  const candidates = new Map<SearchKey, NumberSet>();
  wanted.forEach(({ key }, i) => {
    const answer = found.candidates[i];
    if (answer?.narrowed === true) candidates.set(key, answer.uids?.bounds ?? []);
  });
  return {
    verdict(key, uid) {
      const set = candidates.get(key);
      // Above where the index reaches nothing is ruled out.
      return set === undefined || uid > found.indexedToUid || includesNumber(set, uid) ? undefined : false;
    },
  };
}
