const encoder = new TextEncoder();

/** Streams of the bus that carry mailbox events, beside the common one. */
export const MAILBOX_STREAMS = 64;

/** FNV-1a with 32 bits; a string counts as UTF-8. */
export function fnv1a(value: string | Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const octet of typeof value === 'string' ? encoder.encode(value) : value) {
    hash = Math.imul(hash ^ octet, 0x01000193);
  }
  return hash >>> 0;
}

/** The stream on which mailbox events of an account travel, 1 to 64, as `Envelope` of stoa.coordinator.v1 says. */
export function mailboxStream(accountId: string): number {
  return 1 + (fnv1a(accountId) % MAILBOX_STREAMS);
}
