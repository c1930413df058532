import { ENHANCED_STATUS, type SmtpReply } from '@stoa/mail';

/** What became of a recipient in one attempt. */
export interface RecipientResult {
  /** relayed: handed to a server that sends no notices (RFC 3461 section 4.2). */
  readonly state: 'delivered' | 'relayed' | 'failed' | 'pending';
  /** Enhanced status (RFC 3463). */
  readonly status: string;
  /** The server's reply, or the cause in our words. */
  readonly diagnostic: string;
  /** The server that said it; '' where we do. */
  readonly remoteMta: string;
}

/** What stands in the way of a whole destination or of one server. The message holds nothing of the mail. */
export class DeliveryFailure extends Error {
  readonly permanent: boolean;
  readonly status: string;
  readonly reply: SmtpReply | undefined;

  constructor(
    status: string,
    message: string,
    options: { permanent?: boolean; reply?: SmtpReply | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DeliveryFailure';
    this.status = status;
    this.permanent = options.permanent ?? status.startsWith('5');
    this.reply = options.reply;
  }
}

const MAX_DIAGNOSTIC = 500;

/** A reply in one bounded line, as Diagnostic-Code has it: `550 5.1.1 No such user`. */
export function replyText({ code, enhanced, lines }: SmtpReply): string {
  const text = [code, enhanced, ...lines].filter((part) => part !== undefined && part !== '').join(' ');
  return text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').slice(0, MAX_DIAGNOSTIC);
}

/** The status of a reply; a general one where it tells none. */
export function replyStatus({ code, enhanced }: SmtpReply): string {
  if (enhanced !== undefined) return enhanced;
  return code < 400 ? ENHANCED_STATUS.ok : code < 500 ? '4.0.0' : '5.0.0';
}

/** A reply other than success as a result: 5xx fails, everything else is tried again. */
export function refusedBy(reply: SmtpReply, remoteMta: string): RecipientResult {
  const permanent = reply.code >= 500;
  const status =
    permanent || (reply.code >= 400 && reply.code < 500) ? replyStatus(reply) : ENHANCED_STATUS.tempProtocol;
  return { state: permanent ? 'failed' : 'pending', status, diagnostic: replyText(reply), remoteMta };
}

export function failureResult(failure: DeliveryFailure, remoteMta: string): RecipientResult {
  return {
    state: failure.permanent ? 'failed' : 'pending',
    status: failure.status,
    diagnostic: failure.reply === undefined ? failure.message : replyText(failure.reply),
    remoteMta: failure.reply === undefined ? '' : remoteMta,
  };
}
