import type { AppendCommand, ImapCommand } from '../command.ts';
import type { ImapSyntaxError } from '../syntax-error.ts';

/** Bounds of what one command may take; they can be changed at any time. */
export interface ImapReaderLimits {
  /** Octets of a command outside its literals. */
  lineOctets: number;
  /** Octets of all literals of a command, the message of an APPEND apart. */
  literalOctets: number;
  /** Octets that may be skipped of one wrong command before the connection is given up. */
  skipOctets: number;
}

/** For a client that has logged in. */
export const IMAP_LIMITS: ImapReaderLimits = { lineOctets: 65_536, literalOctets: 131_072, skipOctets: 8_388_608 };

/** For a client that has not. */
export const IMAP_UNAUTHENTICATED_LIMITS: ImapReaderLimits = {
  lineOctets: 16_384,
  literalOctets: 8192,
  skipOctets: 65_536,
};

export type ImapReaderEvent =
  /** A whole command. */
  | { type: 'command'; command: Exclude<ImapCommand, AppendCommand> }
  /** A synchronizing literal was announced: the server sends a continuation request. */
  | { type: 'continue' }
  /**
   * An APPEND up to its message. Nothing is read until `acceptAppend` (the server sends a continuation request first if
   * the command is `synchronizing`) or `rejectAppend` (the server answers NO or BAD).
   */
  | { type: 'append'; command: AppendCommand }
  /** Some octets of an accepted message, one at least. */
  | { type: 'body'; octets: Buffer }
  /** An accepted message and its command have ended; with an error the command is wrong and the answer BAD. */
  | { type: 'append-end'; error: ImapSyntaxError | undefined }
  /** The line that `expectLine` asked for, without its line end. */
  | { type: 'line'; line: Buffer }
  /** A wrong command, all of it skipped. `fatal`: it was too much to skip, nothing can be read any more. */
  | { type: 'error'; error: ImapSyntaxError; fatal: boolean };
