/** A mailbox as SMTP names it (RFC 5321 section 4.1.2). */
export interface MailAddress {
  /** Without quotes and escapes, otherwise as it was written; never empty. */
  readonly local: string;
  /**
   * Lower-case LDH name (U-labels turned into A-labels), or an address literal with its brackets (`[192.0.2.1]`,
   * `[IPv6:2001:db8::1]`). Empty for the bare `Postmaster` of RCPT alone.
   */
  readonly domain: string;
}

export interface AddressOptions {
  /** Whether characters beyond ASCII may occur (RFC 6531). Default false. */
  readonly utf8?: boolean;
  /** Octets in the local part (RFC 5321 section 4.5.3.1.1). Default 64. */
  readonly maxLocal?: number;
  /** Takes dots anywhere in an unquoted local part, `_` in domain labels and a dot at the domain's end. Default false. */
  readonly lenient?: boolean;
}

export type AddressFault = 'syntax' | 'local-too-long' | 'domain-too-long' | 'too-long' | 'non-ascii';

/** Text that is no address; `fault` tells why, `message` says it in words that hold none of the input. */
export class AddressSyntaxError extends Error {
  readonly fault: AddressFault;

  constructor(fault: AddressFault, message: string) {
    super(message);
    this.name = 'AddressSyntaxError';
    this.fault = fault;
  }
}
