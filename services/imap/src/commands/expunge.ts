import { no, ok } from '../errors.ts';
import { type Handler, selectedOf } from './handler.ts';

const EXPUNGE_TIMEOUT_MS = 120_000;

/** EXPUNGE and UID EXPUNGE (RFC 9051 section 6.4.3 and 6.4.9). */
export const expunge: Handler<'EXPUNGE'> = {
  when: 'selected',
  async run(session, { uid, set }) {
    const selected = selectedOf(session);
    if (selected.readOnly) return no('The mailbox is read-only', 'READ-ONLY');
    const { accountId, mailboxId, knownModseq } = selected;
    const uids = set === undefined ? undefined : { bounds: selected.resolve(set, true) };
    if (uids !== undefined && uids.bounds.length === 0) return ok('EXPUNGE completed');
    const { delta } = await session.mail.expungeMessages(
      { accountId, mailboxId, uids, knownModseq },
      { routeKey: accountId, timeoutMs: EXPUNGE_TIMEOUT_MS },
    );
    await selected.apply(delta);
    const code = session.options.qresync ? `HIGHESTMODSEQ ${selected.modseq}` : undefined;
    return ok(uid ? 'UID EXPUNGE completed' : 'EXPUNGE completed', code);
  },
};
