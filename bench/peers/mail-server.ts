import { execFileSync } from 'node:child_process';

export const DOMAIN = 'example.test';
export const PASSWORD = 'a good password';
/** Mailboxes that every account has besides INBOX. */
export const MAILBOXES = ['Archive', 'Trash'] as const;

/** Address of an account, which is also the name to log in with. */
export function address(account: number): string {
  return `user${account}@${DOMAIN}`;
}

/** How passwords are stored: as they are, or as Stoa stores them (argon2id, 19 MiB, two passes). */
export type PasswordScheme = 'plain' | 'argon2id';

/** A mail server that is measured: Stoa, or one that Stoa is measured against. Ports are those of loopback. */
export interface MailServer {
  readonly name: string;
  readonly ports: {
    /** Takes mail for accounts without a login. */
    readonly smtp: number;
    /** IMAP that takes logins in the clear, where the server has such. */
    readonly imap?: number;
    /** IMAP with TLS from the start. */
    readonly imaps: number;
  };
  /** All processes of the server, the first ones as old as the server. */
  pids(): number[];
  /** Ends it cleanly and starts it again with the same data and ports. */
  restart(): Promise<void>;
  /** Octets that its data takes on the disk, in whole blocks. */
  diskUse(): number;
  stop(): Promise<void>;
}

/** Octets that a folder takes on the disk; a file with several names counts once. */
export function diskUse(folder: string): number {
  const [size] = execFileSync('du', ['-s', '-B1', folder], { encoding: 'utf8' }).split('\t');
  return Number(size);
}
