import type { MailAddress } from '../address/index.ts';

export type SmtpExtension = 'SIZE' | '8BITMIME' | 'BINARYMIME' | 'SMTPUTF8' | 'DSN' | 'AUTH';

/** BODY= of RFC 6152 and RFC 3030. */
export type MailBody = '7BIT' | '8BITMIME' | 'BINARYMIME';

export interface MailParameters {
  /** Octets (RFC 1870); more than 2^53 - 1 is told as 2^53 - 1. */
  readonly size?: number;
  readonly body?: MailBody;
  /** RFC 6531. */
  readonly smtputf8?: true;
  /** What of the message a report of failure returns (RFC 3461 section 4.3). */
  readonly ret?: 'FULL' | 'HDRS';
  /** Decoded from xtext (RFC 3461 section 4.4); printable ASCII. */
  readonly envid?: string;
  /** Who submitted the message (RFC 4954 section 5); null: `<>`, not known or not told. */
  readonly auth?: MailAddress | null;
}

export type NotifyCondition = 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY';

export interface OriginalRecipient {
  /** `rfc822`, `utf-8` (RFC 6533) or another type, as written. */
  readonly type: string;
  /** Decoded; holds no control character, but need not be an address. */
  readonly address: string;
}

export interface RcptParameters {
  /** NEVER stands alone (RFC 3461 section 4.1). */
  readonly notify?: readonly NotifyCondition[];
  readonly orcpt?: OriginalRecipient;
}

export type ClientNameKind = 'domain' | 'literal' | 'other';

export type SmtpCommand =
  /** `kind` other: a name that is no domain (Windows names with `_` and such), of letters, digits and `-_.:[]`. */
  | { readonly verb: 'EHLO' | 'HELO' | 'LHLO'; readonly name: string; readonly kind: ClientNameKind }
  /** `sender` null: `<>`. */
  | { readonly verb: 'MAIL'; readonly sender: MailAddress | null; readonly parameters: MailParameters }
  /** `recipient` may be the bare Postmaster, whose domain is ''. */
  | { readonly verb: 'RCPT'; readonly recipient: MailAddress; readonly parameters: RcptParameters }
  | { readonly verb: 'DATA' | 'RSET' | 'QUIT' | 'STARTTLS' }
  | { readonly verb: 'BDAT'; readonly size: number; readonly last: boolean }
  | { readonly verb: 'VRFY' | 'EXPN'; readonly argument: string; readonly smtputf8: boolean }
  /** `argument` is '' where there is none. */
  | { readonly verb: 'NOOP' | 'HELP'; readonly argument: string }
  /** `mechanism` in upper case; `initial` is the decoded initial response. */
  | { readonly verb: 'AUTH'; readonly mechanism: string; readonly initial?: Buffer };

export type SmtpVerb = SmtpCommand['verb'];
