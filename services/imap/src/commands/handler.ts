import type { AppendCommand, ImapCommand, ImapCommandName } from '@stoa/mail';
import type { SelectedMailbox } from '../selected-mailbox.ts';
import type { Session } from '../session.ts';
import type { Completion } from '../session-types.ts';

type Having<C extends { name: string }, N> = C extends unknown ? (N & C['name'] extends never ? never : C) : never;

/** The command, or commands, of a name. */
export type CommandNamed<N extends ImapCommandName> = Having<ImapCommand, N>;

/** In which states a command may come (RFC 9051 section 3). */
export type When = 'any' | 'not-authenticated' | 'authenticated' | 'selected';

/** The octets of a message, as they come. */
export interface MessageSource {
  /** Undefined at the end. Rejects with an ImapSyntaxError when the command turns out to be wrong. */
  read(): Promise<Uint8Array | undefined>;
}

/** How a command reaches beyond its own line. */
export interface Exchange {
  /** Sends `+ text` and reads one line. Undefined when the line is too long. */
  ask(text: string, maxOctets: number): Promise<Buffer | undefined>;
  /** Takes the message of an APPEND as it comes. All of it has to be read, wanted or not. */
  message(command: AppendCommand): MessageSource;
  /** Does not take it. */
  rejectMessage(): void;
  /** Encrypts the connection once the response is sent. */
  startTls(): void;
  /** Ends the connection once the response is sent. */
  logOut(): void;
  /** Idles until the client says DONE; resolves then. False: it said something else. */
  idle(): Promise<boolean>;
  /** Mailbox names in commands are UTF-8 from here on. */
  readUtf8(): void;
  /** Takes more of a client that has logged in. */
  authenticated(): void;
}

export interface Handler<N extends ImapCommandName> {
  when: When;
  /** No EXPUNGE may be told during this command (RFC 9051 section 7.5.1). */
  holdsExpunges?(command: CommandNamed<N>): boolean;
  run(session: Session, command: CommandNamed<N>, exchange: Exchange): Completion | Promise<Completion>;
}

/** The account's id; the state was checked before. */
export function accountOf(session: Session): string {
  return (session.account as { id: string }).id;
}

/** The selected mailbox; the state was checked before. */
export function selectedOf(session: Session): SelectedMailbox {
  return session.selected as SelectedMailbox;
}
