import { ImapSyntaxError, SUGGESTED_CHARSETS } from '@stoa/mail';
import { type ErrorCode, toStoaError } from '@stoa/plugin-sdk';
import { BadSequence, type Completion } from './session-types.ts';

/** Failures as IMAP says them (RFC 9051 section 7.1, RFC 5530): the one place that knows. The log has the cause. */
const BY_CODE: Partial<Record<ErrorCode, { code: string; text: string }>> = {
  'over-quota': { code: 'OVERQUOTA', text: 'The mailbox is full' },
  'storage-full': { code: 'OVERQUOTA', text: 'Insufficient storage' },
  'not-found': { code: 'NONEXISTENT', text: 'No such mailbox' },
  'already-exists': { code: 'ALREADYEXISTS', text: 'The mailbox exists already' },
  'invalid-argument': { code: 'CANNOT', text: 'That is not possible' },
  'failed-precondition': { code: 'CANNOT', text: 'That is not possible' },
  'permission-denied': { code: 'NOPERM', text: 'Not allowed' },
  'limit-exceeded': { code: 'LIMIT', text: 'A limit is exceeded' },
  'too-large': { code: 'TOOBIG', text: 'The message is too big' },
  unauthenticated: { code: 'AUTHENTICATIONFAILED', text: 'Authentication failed' },
  'rate-limited': { code: 'UNAVAILABLE', text: 'Too many failures; try again later' },
  conflict: { code: 'INUSE', text: 'Too many changes at once; try again' },
  unavailable: { code: 'UNAVAILABLE', text: 'Temporarily not available' },
  'deadline-exceeded': { code: 'UNAVAILABLE', text: 'Temporarily not available' },
  'resource-exhausted': { code: 'UNAVAILABLE', text: 'Temporarily not available' },
  cancelled: { code: 'UNAVAILABLE', text: 'Interrupted' },
};

const INTERNAL = { code: 'SERVERBUG', text: 'Internal error' };

/** The tagged response for a failed command. */
export function completionOfError(error: unknown): Completion {
  if (error instanceof BadSequence) return { condition: 'BAD', text: error.message };
  if (error instanceof ImapSyntaxError) return completionOfSyntax(error);
  return { condition: 'NO', ...(BY_CODE[toStoaError(error).code] ?? INTERNAL) };
}

export function completionOfSyntax(error: ImapSyntaxError): Completion {
  if (error.code === 'bad-charset') {
    return { condition: 'NO', text: error.message, code: `BADCHARSET (${SUGGESTED_CHARSETS.join(' ')})` };
  }
  if (error.code === 'bad-mailbox-name') return { condition: 'NO', text: error.message, code: 'CANNOT' };
  return { condition: 'BAD', text: error.message };
}

export const ok = (text: string, code?: string): Completion => ({
  condition: 'OK',
  text,
  ...(code === undefined ? {} : { code }),
});
export const no = (text: string, code?: string): Completion => ({
  condition: 'NO',
  text,
  ...(code === undefined ? {} : { code }),
});
export const bad = (text: string, code?: string): Completion => ({
  condition: 'BAD',
  text,
  ...(code === undefined ? {} : { code }),
});
