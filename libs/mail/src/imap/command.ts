import type { InternalDate } from './date.ts';
import type { FetchItem } from './fetch-item.ts';
import type { SearchKey, SearchReturn } from './search-key.ts';
import type { SequenceRanges, SequenceSet } from './sequence-set.ts';

/** A command as the grammar reads it; `name` is in upper case, mailbox names are decoded and canonical. */
export type ImapCommand =
  | SimpleCommand
  | AuthenticateCommand
  | LoginCommand
  | EnableCommand
  | IdCommand
  | SelectCommand
  | CreateCommand
  | MailboxCommand
  | RenameCommand
  | ListCommand
  | LsubCommand
  | StatusCommand
  | AppendCommand
  | ExpungeCommand
  | SearchCommand
  | FetchCommand
  | StoreCommand
  | CopyCommand;

export type ImapCommandName = ImapCommand['name'];

export type SimpleCommandName =
  | 'CAPABILITY'
  | 'NOOP'
  | 'LOGOUT'
  | 'STARTTLS'
  | 'CHECK'
  | 'CLOSE'
  | 'UNSELECT'
  | 'IDLE'
  | 'NAMESPACE';

/** Commands without arguments. */
export interface SimpleCommand {
  tag: string;
  name: SimpleCommandName;
}

/** RFC 9051 section 6.2.2, with SASL-IR (RFC 4959). */
export interface AuthenticateCommand {
  tag: string;
  name: 'AUTHENTICATE';
  /** In upper case. */
  mechanism: string;
  /** Decoded; empty for `=`, undefined where there is none. */
  initialResponse: Buffer | undefined;
}

export interface LoginCommand {
  tag: string;
  name: 'LOGIN';
  user: string;
  password: string;
}

/** RFC 5161. */
export interface EnableCommand {
  tag: string;
  name: 'ENABLE';
  /** In upper case. */
  capabilities: string[];
}

/** RFC 2971. */
export interface IdCommand {
  tag: string;
  name: 'ID';
  /** Undefined for NIL. */
  params: [field: string, value: string | undefined][] | undefined;
}

/** SELECT and EXAMINE with the parameters of RFC 7162. */
export interface SelectCommand {
  tag: string;
  name: 'SELECT' | 'EXAMINE';
  mailbox: string;
  condstore: boolean;
  qresync: QresyncParam | undefined;
}

/** RFC 7162 section 3.2.5. */
export interface QresyncParam {
  uidValidity: number;
  modSeq: number;
  /** UIDs that the client knows; undefined: all. Has no `*`. */
  knownUids: SequenceRanges | undefined;
  /** Message numbers and the UIDs that they had when the client last looked. */
  match: { sequences: SequenceRanges; uids: SequenceRanges } | undefined;
}

/** With CREATE-SPECIAL-USE (RFC 6154 section 3). */
export interface CreateCommand {
  tag: string;
  name: 'CREATE';
  /** May end in the separator: see `nameToCreate`. */
  mailbox: string;
  /** Attributes such as `\Drafts`, as sent. */
  specialUse: string[];
}

export interface MailboxCommand {
  tag: string;
  name: 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE';
  mailbox: string;
}

export interface RenameCommand {
  tag: string;
  name: 'RENAME';
  from: string;
  to: string;
}

/** LIST, basic and extended (RFC 5258, 5819, 6154). */
export interface ListCommand {
  tag: string;
  name: 'LIST';
  /** Anything that the basic form does not have was used: selection or return options, or patterns in parentheses. */
  extended: boolean;
  select: ListSelect;
  reference: string;
  patterns: string[];
  return: ListReturn;
}

export interface ListSelect {
  subscribed: boolean;
  remote: boolean;
  recursiveMatch: boolean;
  specialUse: boolean;
}

export interface ListReturn {
  subscribed: boolean;
  children: boolean;
  specialUse: boolean;
  status: StatusItem[] | undefined;
}

export interface LsubCommand {
  tag: string;
  name: 'LSUB';
  reference: string;
  pattern: string;
}

export const STATUS_ITEMS = [
  'MESSAGES',
  'RECENT',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'DELETED',
  'SIZE',
  'HIGHESTMODSEQ',
  'APPENDLIMIT',
] as const;

export type StatusItem = (typeof STATUS_ITEMS)[number];

export interface StatusCommand {
  tag: string;
  name: 'STATUS';
  mailbox: string;
  items: StatusItem[];
}

/** All of APPEND up to its message, which follows as a stream of octets. */
export interface AppendCommand {
  tag: string;
  name: 'APPEND';
  mailbox: string;
  flags: string[];
  date: InternalDate | undefined;
  /** Octets of the message. */
  size: number;
  /** The client waits for a continuation request before it sends the message. */
  synchronizing: boolean;
  /** literal8: the message may have NUL (RFC 3516). */
  binary: boolean;
  /** In the form `UTF8 (~{n})` (RFC 6855 section 4). */
  utf8: boolean;
}

/** EXPUNGE, and UID EXPUNGE (RFC 4315) which has a set. */
export interface ExpungeCommand {
  tag: string;
  name: 'EXPUNGE';
  uid: boolean;
  set: SequenceSet | undefined;
}

export interface SearchCommand {
  tag: string;
  name: 'SEARCH';
  uid: boolean;
  /** As sent; undefined where none was named. */
  charset: string | undefined;
  /** Undefined without RETURN: the reply is then an untagged SEARCH, else an ESEARCH. */
  return: SearchReturn | undefined;
  /** All of them must be true; one at least. */
  keys: SearchKey[];
}

export interface FetchCommand {
  tag: string;
  name: 'FETCH';
  uid: boolean;
  set: SequenceSet;
  /** Macros are expanded. */
  items: FetchItem[];
  /** RFC 7162 section 3.1.4. */
  changedSince: number | undefined;
  /** RFC 7162 section 3.2.6: only in UID FETCH with CHANGEDSINCE. */
  vanished: boolean;
}

export interface StoreCommand {
  tag: string;
  name: 'STORE';
  uid: boolean;
  set: SequenceSet;
  mode: 'replace' | 'add' | 'remove';
  silent: boolean;
  flags: string[];
  /** RFC 7162 section 3.1.3. */
  unchangedSince: number | undefined;
}

export interface CopyCommand {
  tag: string;
  name: 'COPY' | 'MOVE';
  uid: boolean;
  set: SequenceSet;
  mailbox: string;
}
