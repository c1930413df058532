/** What FETCH asks for (RFC 9051 section 6.4.5). */
export type FetchItem = FetchAttribute | FetchSection | FetchBinary | FetchBinarySize;

export const FETCH_ATTRIBUTES = [
  'ENVELOPE',
  'FLAGS',
  'INTERNALDATE',
  'RFC822',
  'RFC822.HEADER',
  'RFC822.SIZE',
  'RFC822.TEXT',
  'BODY',
  'BODYSTRUCTURE',
  'UID',
  'MODSEQ',
] as const;

export interface FetchAttribute {
  type: (typeof FETCH_ATTRIBUTES)[number];
}

/** BODY[section]<partial> and BODY.PEEK[section]<partial>. */
export interface FetchSection {
  type: 'BODY[]';
  peek: boolean;
  section: Section;
  partial: PartialRange | undefined;
}

/** BINARY[part]<partial> and BINARY.PEEK[part]<partial> (RFC 3516). */
export interface FetchBinary {
  type: 'BINARY[]';
  peek: boolean;
  part: number[];
  partial: PartialRange | undefined;
}

/** BINARY.SIZE[part] (RFC 3516). */
export interface FetchBinarySize {
  type: 'BINARY.SIZE[]';
  part: number[];
}

/** Octets from `offset`, at most `length` of them. */
export interface PartialRange {
  offset: number;
  length: number;
}

export interface Section {
  /** Part number; empty: the message itself. */
  part: number[];
  /** Undefined: the whole part, or the whole message. */
  text: 'HEADER' | 'HEADER.FIELDS' | 'HEADER.FIELDS.NOT' | 'TEXT' | 'MIME' | undefined;
  /** Names of header fields as sent; empty but for HEADER.FIELDS and HEADER.FIELDS.NOT. */
  fields: string[];
}
