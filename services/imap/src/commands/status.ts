import type { storage } from '@stoa/contracts';
import { ByteWriter, type StatusItem, writeStatus } from '@stoa/mail';
import { ok } from '../errors.ts';
import type { Session } from '../session.ts';
import { accountOf, type Handler } from './handler.ts';

/** The values of STATUS for a mailbox, as far as its state has them; RECENT alone may need its index. */
export async function statusValues(
  session: Session,
  state: storage.MailboxState,
  items: readonly StatusItem[],
): Promise<[item: StatusItem, value: number][]> {
  if (items.includes('HIGHESTMODSEQ')) session.enableCondstore();
  return Promise.all(
    items.map(async (item): Promise<[StatusItem, number]> => [item, await statusValue(session, state, item)]),
  );
}

async function statusValue(session: Session, state: storage.MailboxState, item: StatusItem): Promise<number> {
  switch (item) {
    case 'MESSAGES':
      return state.messages;
    case 'UIDNEXT':
      return state.uidNext;
    case 'UIDVALIDITY':
      return state.uidValidity;
    case 'UNSEEN':
      return state.unseen;
    case 'DELETED':
      return state.deleted;
    case 'SIZE':
      return state.size;
    case 'HIGHESTMODSEQ':
      return state.highestModseq;
    case 'APPENDLIMIT':
      return session.context.config['max-message-size'];
    case 'RECENT': {
      if (state.recentFrom >= state.uidNext) return 0;
      const { snapshot } = await session.context.mailboxes.open(accountOf(session), state);
      return snapshot.count - snapshot.sequenceFrom(state.recentFrom) + 1;
    }
  }
}

/** STATUS (RFC 9051 section 6.3.11). */
export const status: Handler<'STATUS'> = {
  when: 'authenticated',
  async run(session, { mailbox, items }) {
    const state = await session.context.mailboxes.state(accountOf(session), mailbox);
    const out = new ByteWriter();
    writeStatus(out, mailbox, await statusValues(session, state, items), session.options.utf8);
    session.writer.write(out.take());
    return ok('STATUS completed');
  },
};
