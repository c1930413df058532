import { ENHANCED_STATUS as S, smtpReply } from '@stoa/mail';
import { OK } from '../replies.ts';
import { type Handler, reply } from './handler.ts';

/** RSET (RFC 5321 section 4.1.1.5). */
export const rset: Handler<'RSET'> = (session) => {
  session.reset();
  return reply(OK);
};

/** NOOP (RFC 5321 section 4.1.1.9). */
export const noop: Handler<'NOOP'> = () => reply(OK);

/** QUIT (RFC 5321 section 4.1.1.10). */
export const quit: Handler<'QUIT'> = () => ({ replies: [smtpReply(221, S.ok, 'Bye')], next: 'quit' });

/** VRFY (RFC 5321 section 3.5.3): who exists here is not told. */
export const vrfy: Handler<'VRFY'> = () =>
  reply(smtpReply(252, S.mailboxCannotVerify, 'Send some mail, I will try my best'));

/** EXPN (RFC 5321 section 3.5.2). */
export const expn: Handler<'EXPN'> = () => reply(smtpReply(502, S.badCommand, 'Command not implemented'));

/** HELP (RFC 5321 section 4.1.1.8). */
export const help: Handler<'HELP'> = () => reply(smtpReply(214, S.ok, 'See RFC 5321'));
