import { type MessageStatistics, ENHANCED_STATUS as S, type SmtpReply, smtpReply } from '@stoa/mail';
import type { Session } from './session.ts';

/** Octets of a header block, at most. */
export const MAX_HEADER_OCTETS = 256 * 1024;

/** Why a message that came whole is not taken; undefined when it is. */
export function refuseMessage(
  session: Session,
  statistics: MessageStatistics,
  chunked: boolean,
): SmtpReply | undefined {
  const { config } = session.context;
  if (statistics.size > config['max-message-size']) return smtpReply(552, S.tooBig, 'The message is too big');
  // What comes by BDAT is taken as it is, so nothing is converted there.
  if ((statistics.bareLf || statistics.bareCr) && (chunked || config['bare-line-ends'] === 'reject')) {
    return smtpReply(550, S.badContent, 'Lines of the message must end with CRLF, and CR and LF must not stand alone');
  }
  if (statistics.header.received > config['max-received']) {
    return smtpReply(554, S.routingLoop, 'Too many Received fields; the message runs in circles');
  }
  if (statistics.headerSize > MAX_HEADER_OCTETS) return smtpReply(552, S.tooBig, 'The header is too big');
  if (session.isSubmission && !statistics.header.hasFrom)
    return smtpReply(550, S.badContent, 'The message has no From');
  return undefined;
}
