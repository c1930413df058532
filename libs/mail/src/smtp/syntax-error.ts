import type { EnhancedStatus } from './enhanced-status.ts';
import type { SmtpReply } from './reply.ts';

/**
 * Input that breaks the grammar of SMTP. `message` is words for the wire that hold none of the input; a server sends
 * `reply` as it is. From a client's parsers: the peer broke the protocol (451 4.5.0, so that mail is tried again).
 */
export class SmtpSyntaxError extends Error {
  readonly replyCode: number;
  readonly enhanced: EnhancedStatus;

  constructor(replyCode: number, enhanced: EnhancedStatus, message: string) {
    super(message);
    this.name = 'SmtpSyntaxError';
    this.replyCode = replyCode;
    this.enhanced = enhanced;
  }

  get reply(): SmtpReply {
    return { code: this.replyCode, enhanced: this.enhanced, lines: [this.message] };
  }
}
