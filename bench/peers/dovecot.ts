import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram, freePorts, makeTlsFiles, ServerProcess, temporaryFolder } from '@stoa/test-servers';
import { hashPassword } from '../../services/store-router/src/auth/password.ts';
import { address, diskUse, MAILBOXES, type MailServer, PASSWORD, type PasswordScheme } from './mail-server.ts';
import { processTree } from './process-tree.ts';
import { answersWith } from './ready.ts';

export interface DovecotOptions {
  accounts: number;
  scheme?: PasswordScheme;
}

/** System user whose files the mail is, where Dovecot is started by root: one that every Debian has. */
const MAIL_USER = { name: 'mail', uid: 8, gid: 8 };

/**
 * A Dovecot of its own: sdbox, every write synced to the disk before it is acknowledged as in Stoa. It is tuned as its manual
 * says: login processes serve many clients ("high performance mode"), a mail process serves a hundred sessions before it is
 * replaced, and accounts are remembered for a minute (their hashes, not that a password was right: it hashes at every login).
 */
export class Dovecot implements MailServer {
  readonly name = 'Dovecot';
  readonly ports: { readonly smtp: number; readonly lmtp: number; readonly imap: number; readonly imaps: number };
  readonly #folder: string;
  readonly #process: ServerProcess;

  private constructor(folder: string, lmtp: number, imap: number, imaps: number) {
    this.#folder = folder;
    this.ports = { smtp: lmtp, lmtp, imap, imaps };
    this.#process = new ServerProcess({
      name: 'Dovecot',
      program: findProgram('dovecot') ?? 'dovecot',
      args: ['-F', '-c', join(folder, 'dovecot.conf')],
      ready: async () => (await answersWith(imap, '* OK')) && (await answersWith(lmtp, '220')),
    });
  }

  static async start({ accounts, scheme = 'plain' }: DovecotOptions): Promise<Dovecot> {
    const folder = temporaryFolder('dovecot');
    // Its login processes run as users of their own and reach their sockets through it.
    chmodSync(folder, 0o755);
    const { cert, key } = makeTlsFiles(folder);
    const [lmtp, imap, imaps] = (await freePorts(3)) as [number, number, number];
    const hash = scheme === 'plain' ? `{PLAIN}${PASSWORD}` : `{ARGON2ID}${await hashPassword(PASSWORD)}`;
    const users = Array.from({ length: accounts }, (_, i) => `${address(i)}:${hash}::::::\n`);
    writeFileSync(join(folder, 'users'), users.join(''), { mode: 0o644 });
    mkdirSync(join(folder, 'mail'));
    if (process.getuid?.() === 0) chownSync(join(folder, 'mail'), MAIL_USER.uid, MAIL_USER.gid);
    const dovecot = new Dovecot(folder, lmtp, imap, imaps);
    dovecot.#configure({ cert, key, fsync: 'always' });
    await dovecot.#process.start();
    return dovecot;
  }

  #configure({ cert, key, fsync }: { cert: string; key: string; fsync: 'always' | 'never' }): void {
    const { lmtp, imap, imaps } = this.ports;
    const text = configuration({ folder: this.#folder, cert, key, lmtp, imap, imaps, fsync });
    writeFileSync(join(this.#folder, 'dovecot.conf'), text);
  }

  /**
   * Starts again with or without syncing. Without, a data set is laid down in a fraction of the time; what is measured is
   * measured with it.
   */
  async restartWith(fsync: 'always' | 'never'): Promise<void> {
    this.#configure({ cert: join(this.#folder, 'cert.pem'), key: join(this.#folder, 'key.pem'), fsync });
    await this.restart();
  }

  pids(): number[] {
    return processTree(this.#process.pid);
  }

  get log(): string {
    return this.#process.log;
  }

  async restart(): Promise<void> {
    await this.#process.end('SIGTERM');
    await this.#process.start();
  }

  diskUse(): number {
    return diskUse(join(this.#folder, 'mail'));
  }

  async stop(): Promise<void> {
    await this.#process.end('SIGTERM');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface Settings {
  folder: string;
  cert: string;
  key: string;
  lmtp: number;
  imap: number;
  imaps: number;
  fsync: 'always' | 'never';
}

function configuration({ folder, cert, key, lmtp, imap, imaps, fsync }: Settings): string {
  const isRoot = process.getuid?.() === 0;
  const { username, uid, gid } = userInfo();
  const owner = isRoot ? MAIL_USER : { name: username, uid, gid };
  // Without root no process can change its user or its root folder.
  const unprivileged = `
default_internal_user = ${username}
default_internal_group = ${isRoot ? '' : execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim()}
default_login_user = ${username}
service anvil {
  chroot =
}
service imap-login {
  chroot =
}`;
  return `
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = /dev/stderr
info_log_path = ${folder}/info.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <${cert}
ssl_key = <${key}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_cache_size = 16M
auth_cache_ttl = 1 min
auth_cache_verify_password_with_worker = yes
first_valid_uid = 1
default_client_limit = 15000
default_process_limit = 100
mail_max_userip_connections = 0
mail_location = sdbox:~/sdbox
mail_fsync = ${fsync}
imap_idle_notify_interval = 29 mins
${isRoot ? '' : unprivileged}
passdb {
  driver = passwd-file
  args = username_format=%u ${folder}/users
}
userdb {
  driver = static
  args = uid=${owner.uid} gid=${owner.gid} home=${folder}/mail/%n
}
namespace inbox {
  inbox = yes
${MAILBOXES.map((name) => `  mailbox ${name} {\n    auto = create\n  }`).join('\n')}
}
service imap-login {
  service_count = 0
  process_min_avail = 2
  process_limit = 2
  client_limit = 15000
  vsz_limit = 2G
  inet_listener imap {
    port = ${imap}
  }
  inet_listener imaps {
    port = ${imaps}
    ssl = yes
  }
}
service imap {
  service_count = 100
  process_limit = 5000
  vsz_limit = 4G
}
service lmtp {
  process_min_avail = 2
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${lmtp}
  }
}
`;
}
