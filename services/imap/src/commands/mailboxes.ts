import { nameToCreate } from '@stoa/mail';
import { no, ok } from '../errors.ts';
import { accountOf, type Handler } from './handler.ts';

const SPECIAL_USES = ['\\All', '\\Archive', '\\Drafts', '\\Flagged', '\\Junk', '\\Sent', '\\Trash'];
/** Views over all mail, which a mailbox of its own cannot be. */
const UNSUPPORTED_USES = ['\\all', '\\flagged'];

/** CREATE (RFC 9051 section 6.3.4), with special uses (RFC 6154 section 3). */
export const create: Handler<'CREATE'> = {
  when: 'authenticated',
  async run(session, { mailbox, specialUse }) {
    const uses = specialUse.map((use) => SPECIAL_USES.find((known) => known.toLowerCase() === use.toLowerCase()));
    if (uses.includes(undefined) || specialUse.some((use) => UNSUPPORTED_USES.includes(use.toLowerCase()))) {
      return no('That special use is not supported', 'USEATTR');
    }
    const accountId = accountOf(session);
    await session.mail.createMailbox(
      { accountId, name: nameToCreate(mailbox), specialUse: uses as string[] },
      { routeKey: accountId },
    );
    return ok('CREATE completed');
  },
};

/** DELETE (RFC 9051 section 6.3.5). */
export const remove: Handler<'DELETE'> = {
  when: 'authenticated',
  async run(session, { mailbox }) {
    const accountId = accountOf(session);
    // A session that deletes the mailbox it has selected is not to be thrown out for it.
    if (session.selected?.feed.state.name === mailbox) session.deselect();
    await session.mail.deleteMailbox({ accountId, name: mailbox }, { routeKey: accountId });
    return ok('DELETE completed');
  },
};

/** RENAME (RFC 9051 section 6.3.6). */
export const rename: Handler<'RENAME'> = {
  when: 'authenticated',
  async run(session, { from, to }) {
    const accountId = accountOf(session);
    await session.mail.renameMailbox({ accountId, from, to: nameToCreate(to) }, { routeKey: accountId });
    return ok('RENAME completed');
  },
};

/** SUBSCRIBE and UNSUBSCRIBE (RFC 9051 section 6.3.7 and 6.3.8). */
export const subscribe: Handler<'SUBSCRIBE' | 'UNSUBSCRIBE'> = {
  when: 'authenticated',
  async run(session, { name, mailbox }) {
    const accountId = accountOf(session);
    await session.mail.setSubscription(
      { accountId, name: mailbox, subscribed: name === 'SUBSCRIBE' },
      { routeKey: accountId },
    );
    return ok(`${name} completed`);
  },
};
