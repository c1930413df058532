import { formatAddress, ENHANCED_STATUS as S, smtpReply } from '@stoa/mail';
import { BAD_SEQUENCE, replyOfError } from '../replies.ts';
import { type Handler, reply } from './handler.ts';

/** MAIL (RFC 5321 section 4.1.1.2; for submission RFC 6409 section 6.1: a sender that is the user's own). */
export const mail: Handler<'MAIL'> = async (session, { sender, parameters }) => {
  const { context } = session;
  if (session.greeting === undefined) return reply(BAD_SEQUENCE(`Say ${session.isLmtp ? 'LHLO' : 'EHLO'} first`));
  if (session.transaction !== undefined) return reply(BAD_SEQUENCE('A transaction is open; send RSET to end it'));
  if (session.isSubmission && session.account === undefined) {
    return reply(
      smtpReply(
        530,
        S.policy,
        session.offersAuth ? 'Authentication required' : 'Authentication required; start TLS first',
      ),
    );
  }
  if (parameters.size !== undefined && parameters.size > context.config['max-message-size']) {
    return reply(smtpReply(552, S.tooBig, `The message is larger than ${context.config['max-message-size']} octets`));
  }
  if (session.account !== undefined && sender !== null) {
    try {
      const { allowed } = await context.directory.checkSender({
        accountId: session.account.id,
        address: formatAddress(sender),
      });
      if (!allowed) return reply(smtpReply(553, S.notAuthorized, 'This sender address is not yours'));
    } catch (error) {
      context.logger.warn({ error }, 'a sender could not be checked');
      return reply(replyOfError(error));
    }
  }
  session.transaction = { sender, parameters, recipients: [] };
  return reply(smtpReply(250, S.senderOk, 'Ok'));
};
