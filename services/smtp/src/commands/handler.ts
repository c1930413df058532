import type { SmtpCommand, SmtpReply, SmtpVerb } from '@stoa/mail';
import type { Session } from '../session.ts';

/** What the connection does after a command, besides sending its replies. */
export type Next = 'continue' | 'quit' | 'start-tls';

export interface Outcome {
  readonly replies: readonly SmtpReply[];
  readonly next: Next;
}

export type CommandOf<V extends SmtpVerb> = Extract<SmtpCommand, { verb: V }>;

/** How a command reaches beyond its own line. */
export interface Exchange {
  /** Sends a 334 challenge and reads the client's line. Undefined when it cannot be read as a line. */
  challenge(text: string): Promise<Buffer | undefined>;
  /** Reads the message that DATA announces; sends 354 first. */
  receiveData(): Promise<readonly SmtpReply[]>;
  /** Reads one chunk of BDAT; replies to the message with the last. */
  receiveChunk(size: number, last: boolean): Promise<readonly SmtpReply[]>;
}

export type Handler<V extends SmtpVerb> = (
  session: Session,
  command: CommandOf<V>,
  exchange: Exchange,
) => Outcome | Promise<Outcome>;

export function reply(...replies: SmtpReply[]): Outcome {
  return { replies, next: 'continue' };
}
