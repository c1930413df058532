export { ImapCommandReader } from './command-reader.ts';
export { IMAP_LIMITS, IMAP_UNAUTHENTICATED_LIMITS, type ImapReaderEvent, type ImapReaderLimits } from './events.ts';
