import { ENHANCED_STATUS, type SmtpReply, smtpReply } from '@stoa/mail';
import { type ErrorCode, toStoaError } from '@stoa/plugin-sdk';

const S = ENHANCED_STATUS;

/** Failures as SMTP says them: the one place that knows. The text is general, the log has the cause. */
const BY_CODE: Partial<Record<ErrorCode, SmtpReply>> = {
  'over-quota': smtpReply(452, S.tempMailboxFull, 'The mailbox is full'),
  'storage-full': smtpReply(452, S.tempStorageFull, 'Insufficient storage'),
  'too-large': smtpReply(552, S.tooBig, 'The message is too big'),
  'not-found': smtpReply(550, S.badMailbox, 'No such mailbox'),
  'limit-exceeded': smtpReply(550, S.systemRejects, 'A limit is exceeded'),
  'permission-denied': smtpReply(550, S.notAuthorized, 'Not allowed'),
  unauthenticated: smtpReply(535, S.badCredentials, 'Authentication credentials invalid'),
  'rate-limited': smtpReply(454, S.tempAuthFailure, 'Too many failures; try again later'),
};

const TEMPORARY = smtpReply(451, S.tempSystem, 'Temporary failure; try again later');

/** What a client is told of a failure. Whatever is not known to be permanent is temporary, so that no mail is lost to it. */
export function replyOfError(error: unknown): SmtpReply {
  return replyOfCode(toStoaError(error).code);
}

export function replyOfCode(code: string): SmtpReply {
  return BY_CODE[code as ErrorCode] ?? TEMPORARY;
}

export const OK = smtpReply(250, S.ok, 'Ok');
export const BAD_SEQUENCE = (text: string) => smtpReply(503, S.badCommand, text);
export const SHUTTING_DOWN = smtpReply(421, S.tempNotAccepting, 'The server stops; try again later');
export const SESSION_ENDED = smtpReply(421, S.tempPolicy, 'Your session was ended');
export const TOO_MANY_ERRORS = smtpReply(421, S.tempPolicy, 'Too many errors');
export const TIMED_OUT = smtpReply(421, S.tempBadConnection, 'Timeout');
export const BLOCKED = smtpReply(554, S.notAuthorized, 'Your address is blocked');
export const TOO_MANY_CONNECTIONS = smtpReply(421, S.tempPolicy, 'Too many connections; try again later');
