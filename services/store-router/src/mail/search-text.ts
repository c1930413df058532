import { storage } from '@stoa/contracts';
import { numberSetOf } from '@stoa/mail';
import { type SearchField, StoaError } from '@stoa/plugin-sdk';
import { isAccountId } from '../keys.ts';
import type { MailContext } from './context.ts';

const Field = storage.TextTerm_Field;

/** Fields of the index in which a search key looks (RFC 9051 section 6.4.4): TEXT is header and body. */
function fieldsOf(field: storage.TextTerm_Field): SearchField[] {
  switch (field) {
    case Field.FIELD_BODY:
      return ['body'];
    case Field.FIELD_TEXT:
      return ['headers', 'body'];
    case Field.FIELD_SUBJECT:
      return ['subject'];
    case Field.FIELD_FROM:
      return ['from'];
    case Field.FIELD_TO:
      return ['to'];
    case Field.FIELD_CC:
      return ['cc'];
    case Field.FIELD_BCC:
      return ['bcc'];
    default:
      throw new StoaError('invalid-argument', 'unknown field');
  }
}

export async function searchText(
  context: MailContext,
  request: storage.SearchTextRequest,
  signal: AbortSignal,
): Promise<storage.SearchTextResponse> {
  const { accountId, mailboxId } = request;
  if (!isAccountId(accountId)) throw new StoaError('invalid-argument', 'not an account id');
  const scope = { accountId, mailboxId };
  const terms = request.terms.map(({ field, text }) => ({ fields: fieldsOf(field), text }));
  // Read first: what is indexed later may be among the matches, but nothing below is missing.
  const indexedToUid = await context.search.indexedToUid(scope, { signal });
  const matches = await context.search.query(scope, terms, { signal });
  return {
    candidates: matches.map(({ uids, narrowed }) => ({ uids: { bounds: numberSetOf(uids) }, narrowed })),
    indexedToUid,
  };
}
