import {
  DotStuffer,
  formatSmtpCommand,
  type MailAddress,
  type MailParameters,
  type RcptParameters,
  ENHANCED_STATUS as S,
  type SmtpReply,
} from '@stoa/mail';
import type { OutboundConfig } from '../config.ts';
import { DeliveryFailure, type RecipientResult, refusedBy, replyStatus, replyText } from '../result.ts';
import { ConnectionLost } from './connection.ts';
import type { SmtpSession } from './session.ts';

export interface TransactionRecipient {
  readonly address: MailAddress;
  readonly parameters: RcptParameters;
  /** A server that takes it and does not notify leaves that to us. */
  readonly relayed: boolean;
}

export interface Transaction {
  /** null: `<>`. */
  readonly sender: MailAddress | null;
  readonly parameters: MailParameters;
  readonly recipients: readonly TransactionRecipient[];
  /** The message, CRLF lines, neither stuffed nor ended. Rejects with DeliveryFailure. */
  readonly body: AsyncIterable<Buffer>;
}

export interface TransactionOutcome {
  /** In the order of the recipients; undefined: nothing was decided, another server or transaction may be asked. */
  readonly results: readonly (RecipientResult | undefined)[];
  /** Why nothing was decided. */
  readonly failure: DeliveryFailure | undefined;
  /** The connection can take another transaction. */
  readonly reusable: boolean;
  /** The connection broke between the end of the message and its reply: the server may have it. */
  readonly ambiguous: boolean;
  /** Last reply code; 0: none. */
  readonly code: number;
}

const CHUNK_GATHER = 64 * 1024;

/** One mail transaction (RFC 5321 section 3.3). Never rejects: what went wrong is in the outcome. */
export async function transact(
  session: SmtpSession,
  transaction: Transaction,
  timeouts: OutboundConfig['timeouts'],
): Promise<TransactionOutcome> {
  return new Exchange(session, transaction, timeouts).run();
}

class Exchange {
  readonly #session: SmtpSession;
  readonly #transaction: Transaction;
  readonly #timeouts: OutboundConfig['timeouts'];
  readonly #host: string;
  readonly #results: (RecipientResult | undefined)[];
  readonly #accepted: number[] = [];
  readonly #pipelined: boolean;
  #ended = false;
  #code = 0;

  constructor(session: SmtpSession, transaction: Transaction, timeouts: OutboundConfig['timeouts']) {
    this.#session = session;
    this.#transaction = transaction;
    this.#timeouts = timeouts;
    this.#host = session.connection.target.host;
    this.#results = transaction.recipients.map(() => undefined);
    this.#pipelined = session.extensions.has('PIPELINING');
  }

  async run(): Promise<TransactionOutcome> {
    try {
      return await this.#converse();
    } catch (error) {
      if (error instanceof DeliveryFailure) return this.#outcome(error, false);
      if (!(error instanceof ConnectionLost)) throw error;
      const failure = new DeliveryFailure(S.tempBadConnection, error.message, {
        reply: error.reply,
        cause: error,
        permanent: false,
      });
      if (!this.#ended) return this.#outcome(failure, false);
      for (const index of this.#accepted) {
        const diagnostic = `${error.message}, after the message and before its reply`;
        this.#results[index] = { state: 'pending', status: failure.status, diagnostic, remoteMta: '' };
      }
      return { ...this.#outcome(failure, false), ambiguous: true };
    }
  }

  async #converse(): Promise<TransactionOutcome> {
    const { sender, parameters, recipients } = this.#transaction;
    const mail = formatSmtpCommand({ verb: 'MAIL', sender, parameters });
    const rcpts = recipients.map(({ address, parameters: wish }) =>
      formatSmtpCommand({ verb: 'RCPT', recipient: address, parameters: wish }),
    );
    // RFC 2920 section 3.1: MAIL, RCPT and DATA may go together, DATA as the last.
    if (this.#pipelined) await this.#write(`${mail}${rcpts.join('')}DATA\r\n`);
    const mailReply = await this.#ask(mail, this.#timeouts.mail);
    const isSenderTaken = mailReply.code >= 200 && mailReply.code < 300;
    if (!isSenderTaken && !this.#pipelined) return this.#senderRefused(mailReply);
    const rcptReplies: SmtpReply[] = [];
    for (const rcpt of rcpts) rcptReplies.push(await this.#ask(rcpt, this.#timeouts.rcpt));
    if (isSenderTaken) this.#judgeRecipients(rcptReplies);
    if (this.#accepted.length > 0 || this.#pipelined) {
      const dataReply = await this.#ask('DATA\r\n', this.#timeouts.data);
      if (dataReply.code === 354) {
        // Nobody is left to send it to: RFC 2920 section 3.1 wants an empty message.
        if (this.#accepted.length === 0) await this.#endEmpty();
        else return this.#send();
      } else if (this.#accepted.length > 0) this.#settle(dataReply);
    }
    if (!isSenderTaken) return this.#senderRefused(mailReply);
    return this.#outcome(undefined, await this.#reset());
  }

  #senderRefused(reply: SmtpReply): TransactionOutcome {
    const refused = refusedBy(reply, this.#host);
    if (refused.state === 'failed') {
      this.#results.fill(refused);
      return this.#outcome(undefined, false);
    }
    // Another server of the domain may be in a better mood.
    return this.#outcome(
      new DeliveryFailure(refused.status, 'the server refused the sender', { reply, permanent: false }),
      false,
    );
  }

  #judgeRecipients(replies: readonly SmtpReply[]): void {
    for (const [index, reply] of replies.entries()) {
      if (reply.code >= 200 && reply.code < 300) this.#accepted.push(index);
      else this.#results[index] = refusedBy(reply, this.#host);
    }
    if (this.#accepted.length === 0) return;
    for (const [index, reply] of replies.entries()) {
      // Too many recipients (RFC 5321 section 4.5.3.1.10): the rest goes into another transaction.
      if (reply.code === 452 && (reply.enhanced ?? '4.5.3') === '4.5.3') this.#results[index] = undefined;
    }
  }

  async #send(): Promise<TransactionOutcome> {
    const { connection } = this.#session;
    const stuffer = new DotStuffer();
    let gathered: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.#transaction.body) {
      gathered.push(...stuffer.write(chunk));
      size += chunk.length;
      if (size < CHUNK_GATHER) continue;
      if (connection.hasInput) return this.#interrupted();
      await connection.write(gathered, this.#timeouts.block).catch(this.#lastWord);
      gathered = [];
      size = 0;
    }
    if (connection.hasInput) return this.#interrupted();
    gathered.push(stuffer.end());
    this.#ended = true;
    await connection.write(gathered, this.#timeouts.block).catch(this.#lastWord);
    const reply = await connection.read(this.#timeouts.end);
    this.#code = reply.code;
    this.#settle(reply);
    return this.#outcome(undefined, reply.code !== 421);
  }

  /** A server may hang up in the middle of a message and say why. */
  readonly #lastWord = (error: unknown): void => {
    if (!this.#session.connection.hasInput) throw error;
  };

  /** It answered before the message was at its end: it does not want it. The connection is out of step. */
  async #interrupted(): Promise<TransactionOutcome> {
    const reply = await this.#session.connection.read(this.#timeouts.end);
    this.#code = reply.code;
    if (reply.code === 421) throw new ConnectionLost('the server closed the connection', { reply });
    if (reply.code >= 400) this.#settle(reply);
    else throw new DeliveryFailure(S.tempProtocol, 'the server answered before the end of the message', { reply });
    return this.#outcome(undefined, false);
  }

  #settle(reply: SmtpReply): void {
    const isTaken = reply.code >= 200 && reply.code < 300;
    for (const index of this.#accepted) {
      if (!isTaken) this.#results[index] = refusedBy(reply, this.#host);
      else {
        const state = this.#transaction.recipients[index]?.relayed === true ? 'relayed' : 'delivered';
        this.#results[index] = {
          state,
          status: replyStatus(reply),
          diagnostic: replyText(reply),
          remoteMta: this.#host,
        };
      }
    }
  }

  async #endEmpty(): Promise<void> {
    await this.#write('.\r\n');
    await this.#read(this.#timeouts.end);
  }

  async #reset(): Promise<boolean> {
    try {
      await this.#write('RSET\r\n');
      const { code } = await this.#session.connection.read(this.#timeouts.mail);
      return code === 250;
    } catch {
      // All is decided; the connection is thrown away.
      return false;
    }
  }

  /** The command was sent already where the server takes several at once. */
  async #ask(command: string, timeoutMs: number): Promise<SmtpReply> {
    if (!this.#pipelined) await this.#write(command);
    return this.#read(timeoutMs);
  }

  async #read(timeoutMs: number): Promise<SmtpReply> {
    const reply = await this.#session.connection.read(timeoutMs);
    this.#code = reply.code;
    // RFC 5321 section 3.8: the server goes away, whatever was asked.
    if (reply.code === 421) throw new ConnectionLost('the server closed the connection', { reply });
    return reply;
  }

  async #write(commands: string): Promise<void> {
    await this.#session.connection.write(commands, this.#timeouts.block).catch(this.#lastWord);
  }

  #outcome(failure: DeliveryFailure | undefined, reusable: boolean): TransactionOutcome {
    return { results: this.#results, failure, reusable, ambiguous: false, code: this.#code };
  }
}
