/**
 * Strict base64 (RFC 4648 section 4, as RFC 4954 section 4 and RFC 9051 section 6.2.2 demand): padded, no blanks, no
 * stray bits. `=` stands for the empty response. Undefined for anything else.
 */
export function decodeSaslBase64(text: string): Buffer | undefined {
  if (text === '=' || text === '') return Buffer.alloc(0);
  if (text.length % 4 !== 0) return undefined;
  const bytes = Buffer.from(text, 'base64');
  // Buffer.from skips what it does not know: only what encodes back to the same text was base64.
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** The initial response of an AUTH or AUTHENTICATE command: base64, `=` when empty. */
export function encodeSaslInitial(bytes: Uint8Array): string {
  return bytes.length === 0 ? '=' : encodeSaslBase64(bytes);
}

/** A challenge, or a response after the first: base64, empty when empty. */
export function encodeSaslBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

export type SaslResponse = { type: 'response'; data: Buffer } | { type: 'cancel' } | { type: 'malformed' };

/** A client's line in an authentication exchange, without its CRLF; `*` cancels. */
export function parseSaslResponse(line: string | Uint8Array): SaslResponse {
  const text = typeof line === 'string' ? line : Buffer.from(line).toString('latin1');
  if (text === '*') return { type: 'cancel' };
  const data = decodeSaslBase64(text);
  return data === undefined ? { type: 'malformed' } : { type: 'response', data };
}
