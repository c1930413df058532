/**
 * The stored form of a parsed message, version 1:
 *
 *     version (1 byte) | size | length, envelope | length, structure
 *
 * Numbers are varints (7 bits a byte, lowest first). A string is a varint `n`: 0 for undefined; else, with m = n - 1, an
 * even m is followed by m / 2 bytes, an odd m names the entry (m - 1) / 2 of WORDS. Offsets of parts are distances from
 * the place before, which in whole messages are small.
 */
export const STRUCTURE_VERSION = 1;

/** The parser's depth and what it may add, with room: deeper bytes were not written by Stoa. */
export const MAX_DEPTH = 256;

/** Flags of an envelope: which address lists stand for themselves, and which fields are there at all. */
export const SENDER_IS_FROM = 1;
export const REPLY_TO_IS_FROM = 2;
export const HAS_COPIES = 4;

/** What follows in a part beside what each has. */
export const HAS_FIELDS = 1;
export const HAS_DISPOSITION = 2;
export const HAS_PARTS = 4;
export const HAS_MESSAGE = 8;
export const HAS_LINES = 16;

/** Strings of nearly every message. Part of the format: words may be added at the end, never changed or removed. */
export const WORDS: readonly string[] = [
  '',
  'text',
  'plain',
  'html',
  'multipart',
  'mixed',
  'alternative',
  'related',
  'signed',
  'encrypted',
  'report',
  'digest',
  'charset',
  'utf-8',
  'UTF-8',
  'us-ascii',
  'US-ASCII',
  'iso-8859-1',
  'ISO-8859-1',
  'windows-1252',
  '7bit',
  '8bit',
  'base64',
  'quoted-printable',
  'binary',
  'boundary',
  'name',
  'filename',
  'format',
  'flowed',
  'delsp',
  'yes',
  'no',
  'size',
  'attachment',
  'inline',
  'application',
  'octet-stream',
  'pdf',
  'zip',
  'image',
  'png',
  'jpeg',
  'gif',
  'message',
  'rfc822',
  'delivery-status',
  'calendar',
  'method',
  'type',
  'text/html',
  'multipart/alternative',
  'protocol',
  'micalg',
  'pgp-signature',
  'pkcs7-signature',
  'audio',
  'video',
  'en',
  'gmail.com',
];
