import { appendUidCode, ImapSyntaxError } from '@stoa/mail';
import { hasCode, StoaError } from '@stoa/plugin-sdk';
import { bad, completionOfError, no, ok } from '../errors.ts';
import { parseFlags } from '../flags.ts';
import type { Completion } from '../session-types.ts';
import { accountOf, type Handler } from './handler.ts';

const APPEND_TIMEOUT_MS = 5 * 60_000;
/** Octets of a message that may come without being asked for (RFC 7888 section 5). */
const MAX_UNASKED = 4096;

/** APPEND (RFC 9051 section 6.3.12), with APPENDUID (RFC 4315). The message goes through without being held. */
export const append: Handler<'APPEND'> = {
  when: 'authenticated',
  async run(session, command, exchange): Promise<Completion> {
    const { context } = session;
    const accountId = accountOf(session);
    const refuse = (completion: Completion): Completion => {
      exchange.rejectMessage();
      return completion;
    };
    const parsed = parseFlags(command.flags);
    if (typeof parsed === 'string') return refuse(bad(parsed));
    if (!command.synchronizing && command.size > MAX_UNASKED)
      return refuse(bad('A literal of that size must be synchronizing'));
    if (command.size > context.config['max-message-size']) return refuse(no('The message is too big', 'TOOBIG'));
    if (command.synchronizing) {
      // The client waits, so it can be spared from sending what cannot be stored.
      try {
        await context.mailboxes.state(accountId, command.mailbox);
      } catch (error) {
        return refuse(hasCode(error, 'not-found') ? no('No such mailbox', 'TRYCREATE') : completionOfError(error));
      }
    }
    const message = exchange.message(command);
    const head = {
      accountId,
      mailbox: command.mailbox,
      ...parsed,
      internalDate: command.date === undefined ? 0 : Math.max(0, command.date.seconds) * 1000,
      size: command.size,
      idempotencyKey: context.random(12).toString('base64url'),
    };
    let wrong: unknown;
    const requests = async function* () {
      yield { part: { $case: 'head' as const, value: head } };
      try {
        for (let value = await message.read(); value !== undefined; value = await message.read()) {
          yield { part: { $case: 'data' as const, value } };
        }
      } catch (error) {
        wrong = error;
        throw error;
      }
    };
    try {
      const stored = await session.mail.appendMessage(requests(), {
        routeKey: accountId,
        timeoutMs: APPEND_TIMEOUT_MS,
      });
      if (session.selected?.mailboxId === stored.mailboxId) await session.selected.feed.hear(stored.modseq);
      return ok('APPEND completed', appendUidCode(stored.uidValidity, stored.uid));
    } catch (error) {
      if (wrong instanceof ImapSyntaxError) return bad(wrong.message);
      // An end of the connection is no answer to anybody.
      if (wrong !== undefined && !(wrong instanceof StoaError)) throw wrong;
      while ((await message.read()) !== undefined);
      return hasCode(error, 'not-found') ? no('No such mailbox', 'TRYCREATE') : completionOfError(error);
    }
  },
};
