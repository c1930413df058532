import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, freePort, ServerProcess, temporaryFolder, until } from '@stoa/test-servers';
import { DOMAIN } from './mail-server.ts';
import { processTree } from './process-tree.ts';
import { answersWith } from './ready.ts';

/** Folders of its queue with messages that are not delivered yet. */
const WAITING = ['maildrop', 'incoming', 'active', 'deferred'];

function idOf(flag: '-u' | '-g', name: string): number {
  return flag === '-u'
    ? Number(execFileSync('id', ['-u', name], { encoding: 'utf8' }))
    : Number(execFileSync('getent', ['group', name], { encoding: 'utf8' }).split(':')[2]);
}

/** Folder of its programs, as it was built. */
function daemons(): string {
  const postconf = findProgram('postconf') ?? 'postconf';
  return execFileSync(postconf, ['-d', '-h', 'daemon_directory'], { encoding: 'utf8' }).trim();
}

/**
 * A Postfix of its own that relays all mail of the domain over LMTP. It syncs its queue before it acknowledges, and hands on
 * over twenty connections; what fails for the moment is tried again after seconds. It needs root, as Postfix always does.
 */
export class Postfix {
  readonly port: number;
  readonly #folder: string;
  readonly #process: ServerProcess;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
    this.#process = new ServerProcess({
      name: 'Postfix',
      program: join(daemons(), 'master'),
      args: ['-c', join(folder, 'etc'), '-s'],
      env: { MAIL_CONFIG: join(folder, 'etc') },
      ready: () => answersWith(port, '220'),
    });
  }

  static async start(lmtpPort: number): Promise<Postfix> {
    const folder = temporaryFolder('postfix');
    chmodSync(folder, 0o755);
    const port = await freePort();
    for (const name of ['etc', 'queue', 'data']) mkdirSync(join(folder, name), { mode: 0o755 });
    const user = idOf('-u', 'postfix');
    chownSync(join(folder, 'data'), user, idOf('-g', 'postfix'));
    writeFileSync(join(folder, 'etc/main.cf'), mainConfiguration(folder, lmtpPort));
    writeFileSync(join(folder, 'etc/master.cf'), processes(port));
    const postfix = findProgram('postfix') ?? 'postfix';
    // Makes the folders of the queue.
    execFileSync(postfix, ['-c', join(folder, 'etc'), 'check'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const started = new Postfix(folder, port);
    await started.#process.start();
    return started;
  }

  /** Messages that it has acknowledged and not delivered. */
  waiting(): number {
    const count = (path: string): number => {
      let found = 0;
      try {
        for (const entry of readdirSync(path, { withFileTypes: true }))
          found += entry.isDirectory() ? count(join(path, entry.name)) : 1;
      } catch {
        // A folder that is made when it is first used.
      }
      return found;
    };
    return WAITING.reduce((sum, name) => sum + count(join(this.#folder, 'queue', name)), 0);
  }

  /** Resolves when all that it acknowledged is delivered. */
  async drained(ms = 60_000): Promise<void> {
    await until(`Postfix delivers what it has (${this.waiting()} messages)`, () => this.waiting() === 0, ms);
  }

  pids(): number[] {
    return processTree(this.#process.pid);
  }

  async stop(): Promise<void> {
    await this.#process.end('SIGTERM');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function mainConfiguration(folder: string, lmtpPort: number): string {
  return `
compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${folder}/queue/postfix.log
maillog_file_prefixes = ${folder}
myhostname = mx.${DOMAIN}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = ${DOMAIN}
virtual_mailbox_maps = static:all
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 5s
virtual_transport = lmtp:inet:127.0.0.1:${lmtpPort}
lmtp_destination_concurrency_limit = 20
initial_destination_concurrency = 20
default_process_limit = 250
smtpd_recipient_limit = 1000
message_size_limit = 52428800
smtpd_tls_security_level = none
biff = no
`;
}

/** Its services: name, type, private, unprivileged, chroot, wakeup, limit, program. */
function processes(port: number): string {
  return `
127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}
