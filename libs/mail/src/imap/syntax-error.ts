/**
 * What is wrong with a command:
 * - `syntax`: not of the grammar (RFC 9051 section 9): `BAD`
 * - `unknown-command`: no command of that name: `BAD`
 * - `line-too-long`, `literal-too-large`: beyond the connection's limits: `BAD` or `NO [TOOBIG]`
 * - `bad-charset`: SEARCH in a charset that is not known: `NO [BADCHARSET (...)]` (RFC 9051 section 6.4.4)
 * - `bad-mailbox-name`: neither modified UTF-7 nor UTF-8: `NO [CANNOT]` (RFC 5530)
 */
export type ImapSyntaxErrorCode =
  | 'syntax'
  | 'unknown-command'
  | 'line-too-long'
  | 'literal-too-large'
  | 'bad-charset'
  | 'bad-mailbox-name';

/** The one error of the grammar. Its message may go on the wire: ASCII, one line, nothing of the client's own text. */
export class ImapSyntaxError extends Error {
  readonly code: ImapSyntaxErrorCode;
  /** The command's tag; undefined where none could be read: the reply is then untagged, `* BAD`. */
  tag: string | undefined;

  constructor(message: string, code: ImapSyntaxErrorCode = 'syntax', tag?: string) {
    super(message);
    this.name = 'ImapSyntaxError';
    this.code = code;
    this.tag = tag;
  }
}
