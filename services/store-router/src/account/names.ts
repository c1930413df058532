import { StoaError } from '@stoa/plugin-sdk';

export const INBOX = 'INBOX';
export const SEPARATOR = '/';

const MAX_NAME_BYTES = 512;
const MAX_LEVEL_BYTES = 255;
const MAX_DEPTH = 20;

/** Mailboxes of a new account with their special-use attributes (RFC 6154); INBOX comes first. */
export const DEFAULT_MAILBOXES: readonly { name: string; specialUse: readonly string[] }[] = [
  { name: INBOX, specialUse: [] },
  { name: 'Drafts', specialUse: ['\\Drafts'] },
  { name: 'Sent', specialUse: ['\\Sent'] },
  { name: 'Junk', specialUse: ['\\Junk'] },
  { name: 'Trash', specialUse: ['\\Trash'] },
  { name: 'Archive', specialUse: ['\\Archive'] },
];

const SPECIAL_USES: ReadonlyMap<string, string> = new Map(
  ['\\All', '\\Archive', '\\Drafts', '\\Flagged', '\\Junk', '\\Sent', '\\Trash', '\\Important'].map((use) => [
    use.toLowerCase(),
    use,
  ]),
);

/** Writes INBOX as the first level in capitals, whatever case it was given in (RFC 9051 section 5.1). */
export function foldName(name: string): string {
  if (name.length < INBOX.length) return name;
  if (name.length > INBOX.length && name[INBOX.length] !== SEPARATOR) return name;
  const first = name.slice(0, INBOX.length);
  return first !== INBOX && first.toUpperCase() === INBOX ? INBOX + name.slice(INBOX.length) : name;
}

/** The form in which a name is stored: NFC, INBOX in capitals, no separator at the end. Refuses what may not be a name. */
export function mailboxName(given: string): string {
  const name = foldName(given.endsWith(SEPARATOR) ? given.slice(0, -1) : given).normalize('NFC');
  const refuse = (problem: string): never => {
    throw new StoaError('invalid-argument', `not a mailbox name: ${problem}`);
  };
  if (!name.isWellFormed()) refuse('it is not Unicode');
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) refuse(`longer than ${MAX_NAME_BYTES} octets`);
  // Control characters, and line and paragraph separators (RFC 5198 section 2).
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(name)) refuse('it has control characters');
  const levels = name.split(SEPARATOR);
  if (levels.length > MAX_DEPTH) refuse(`more than ${MAX_DEPTH} levels`);
  for (const level of levels) {
    if (level === '') refuse('it has an empty level');
    if (Buffer.byteLength(level) > MAX_LEVEL_BYTES) refuse(`a level is longer than ${MAX_LEVEL_BYTES} octets`);
  }
  return name;
}

/** Names of the levels above: of "a/b/c" these are "a" and "a/b". */
export function parentNames(name: string): string[] {
  const parents: string[] = [];
  for (let at = name.indexOf(SEPARATOR); at >= 0; at = name.indexOf(SEPARATOR, at + 1)) parents.push(name.slice(0, at));
  return parents;
}

/** Special-use attributes in their usual spelling; refuses unknown ones. */
export function specialUses(given: readonly string[]): string[] {
  const uses = given.map((use) => {
    const known = SPECIAL_USES.get(use.toLowerCase());
    if (known === undefined) throw new StoaError('invalid-argument', 'unknown special-use attribute');
    return known;
  });
  return [...new Set(uses)];
}
