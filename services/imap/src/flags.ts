import { FLAG } from '@stoa/mail';

const SYSTEM: Readonly<Record<string, number>> = {
  '\\seen': FLAG.seen,
  '\\answered': FLAG.answered,
  '\\flagged': FLAG.flagged,
  '\\deleted': FLAG.deleted,
  '\\draft': FLAG.draft,
};

/** Longest keyword, in octets. */
const MAX_KEYWORD = 128;

export interface ParsedFlags {
  flags: number;
  keywords: string[];
}

/** Flags of a command as the store takes them; a text says why when it does not. \Recent is the server's, and left out. */
export function parseFlags(names: readonly string[]): ParsedFlags | string {
  const parsed: ParsedFlags = { flags: 0, keywords: [] };
  for (const name of names) {
    if (name.startsWith('\\')) {
      const bit = SYSTEM[name.toLowerCase()];
      if (bit !== undefined) parsed.flags |= bit;
      else if (name.toLowerCase() !== '\\recent') return `Unknown system flag ${name.slice(0, 32)}`;
    } else if (name.length > MAX_KEYWORD) return 'Keyword too long';
    else parsed.keywords.push(name);
  }
  return parsed;
}
