import { runFetch } from '../fetch/index.ts';
import { runSearch } from '../search/index.ts';
import { type Handler, selectedOf } from './handler.ts';

/** FETCH and UID FETCH (RFC 9051 section 6.4.5). */
export const fetch: Handler<'FETCH'> = {
  when: 'selected',
  holdsExpunges: ({ uid }) => !uid,
  run: (session, command) => runFetch(session, selectedOf(session), command),
};

/** SEARCH and UID SEARCH (RFC 9051 section 6.4.4). */
export const search: Handler<'SEARCH'> = {
  when: 'selected',
  holdsExpunges: ({ uid }) => !uid,
  run: (session, command) => runSearch(session, selectedOf(session), command),
};
