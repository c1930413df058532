import type { Session } from './session.ts';

const ALWAYS = ['IMAP4rev1', 'IMAP4rev2', 'LITERAL-', 'SASL-IR', 'ID', 'ENABLE'] as const;

const AUTHENTICATED = [
  'IDLE',
  'NAMESPACE',
  'UNSELECT',
  'UIDPLUS',
  'MOVE',
  'CONDSTORE',
  'QRESYNC',
  'ESEARCH',
  'SEARCHRES',
  'LIST-EXTENDED',
  'LIST-STATUS',
  'SPECIAL-USE',
  'CREATE-SPECIAL-USE',
  'CHILDREN',
  'STATUS=SIZE',
  'BINARY',
] as const;

/** What the server can do for this session now (RFC 9051 section 7.2.2; STATUS=SIZE is RFC 8438). */
export function capabilities(session: Session): string {
  const list: string[] = [...ALWAYS];
  if (session.account === undefined) {
    if (session.offersTls) list.push('STARTTLS');
    list.push(session.offersLogin ? 'AUTH=PLAIN' : 'LOGINDISABLED');
  } else {
    list.push(...AUTHENTICATED, `APPENDLIMIT=${session.context.config['max-message-size']}`);
  }
  return list.join(' ');
}
