import { ENHANCED_STATUS as S, smtpReply } from '@stoa/mail';
import { BAD_SEQUENCE } from '../replies.ts';
import { type Handler, reply } from './handler.ts';

/** STARTTLS (RFC 3207 section 4). */
export const starttls: Handler<'STARTTLS'> = (session) => {
  if (session.tls !== undefined) return reply(BAD_SEQUENCE('TLS is on already'));
  if (!session.offersTls) return reply(smtpReply(502, S.badCommand, 'TLS is not offered here'));
  return { replies: [smtpReply(220, S.ok, 'Go ahead')], next: 'start-tls' };
};
