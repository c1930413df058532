import { ENHANCED_STATUS as S, smtpReply } from '@stoa/mail';
import { BAD_SEQUENCE } from '../replies.ts';
import type { Session } from '../session.ts';
import { type Handler, type Outcome, reply } from './handler.ts';

function refusal(session: Session): Outcome | undefined {
  if (session.transaction === undefined) return reply(BAD_SEQUENCE('Send MAIL first'));
  if (session.transaction.recipients.length === 0) return reply(smtpReply(554, S.badCommand, 'No valid recipients'));
  return undefined;
}

/** DATA (RFC 5321 section 4.1.1.4). */
export const data: Handler<'DATA'> = async (session, _command, exchange) =>
  refusal(session) ?? reply(...(await exchange.receiveData()));

/** BDAT (RFC 3030 section 2). The octets follow whatever the reply is, so a refused chunk is read all the same. */
export const bdat: Handler<'BDAT'> = async (_session, { size, last }, exchange) =>
  reply(...(await exchange.receiveChunk(size, last)));

export { refusal as transactionRefusal };
