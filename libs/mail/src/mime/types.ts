/** An address as ENVELOPE shows it (RFC 3501 section 7.4.2); all values are raw header text, still RFC 2047 encoded. Group start: host undefined, mailbox = group name; group end: both undefined. */
export interface EnvelopeAddress {
  name: string | undefined;
  adl: string | undefined;
  mailbox: string | undefined;
  host: string | undefined;
}
/** RFC 3501 ENVELOPE. Strings hold header bytes as latin1 (one char per byte) so nothing is lost. */
export interface Envelope {
  date: string | undefined;
  subject: string | undefined;
  from: EnvelopeAddress[];
  sender: EnvelopeAddress[];
  replyTo: EnvelopeAddress[];
  to: EnvelopeAddress[];
  cc: EnvelopeAddress[];
  bcc: EnvelopeAddress[];
  inReplyTo: string | undefined;
  messageId: string | undefined;
}
/** One MIME part with its byte offsets in the whole message (RFC 2045, 2046). Strings are latin1 bytes. */
export interface MimePart {
  type: string;
  subtype: string;
  params: [name: string, value: string][];
  id: string | undefined;
  description: string | undefined;
  encoding: string;
  md5: string | undefined;
  disposition: { type: string; params: [string, string][] } | undefined;
  language: string[];
  location: string | undefined;
  /** offset of the part's first header byte, of its first body byte, and one past its last body byte */
  headerStart: number;
  bodyStart: number;
  bodyEnd: number;
  /** lines of the body (text/* and message/rfc822), else 0 */
  lines: number;
  /** multipart/*: the parts; message/rfc822: empty */
  parts: MimePart[];
  /** message/rfc822 (and message/global): the embedded message */
  message: { envelope: Envelope; root: MimePart } | undefined;
}
