import { type ImapLoad, imapCommand } from '../load/imap.ts';
import type { MailServer } from '../peers/mail-server.ts';
import { login } from './fill.ts';

export function execute(client: ImapLoad, text: string): Promise<void> {
  return client.run(imapCommand(text));
}

/** Milliseconds that a command takes on a connection. */
export async function timed(client: ImapLoad, text: string): Promise<number> {
  const command = imapCommand(text);
  const start = performance.now();
  await client.run(command);
  return performance.now() - start;
}

/** How many messages a search finds. */
export async function hitsOf(client: ImapLoad, search: string): Promise<number> {
  const answer = (await client.ask(search)).toString('latin1');
  const list = /^\* SEARCH ?([\d ]*)/m.exec(answer)?.[1];
  if (list !== undefined) return list.trim() === '' ? 0 : list.trim().split(' ').length;
  const set = /^\* ESEARCH .*ALL ([\d:,]+)/m.exec(answer)?.[1] ?? '';
  return set
    .split(',')
    .filter((range) => range !== '')
    .reduce((sum, range) => {
      const [low, high = low] = range.split(':').map(Number) as [number, number?];
      return sum + Math.abs(high - low) + 1;
    }, 0);
}

/** Messages that one STORE names in the setup of a resync. */
const NAMED_AT_ONCE = 500;

/** A server with one big mailbox, and a client that has it selected. */
export class Side {
  readonly server: MailServer;
  #client: ImapLoad | undefined;

  constructor(server: MailServer) {
    this.server = server;
  }

  get client(): ImapLoad {
    if (this.#client === undefined) throw new Error(`${this.server.name}: not connected`);
    return this.#client;
  }

  async connect(): Promise<void> {
    this.disconnect();
    this.#client = await login(this.server, 0);
    await execute(this.#client, 'SELECT INBOX');
  }

  disconnect(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** SELECT as the first thing that a server does after its start and a login, and then once more. Milliseconds. */
  async select(): Promise<{ cold: number; warm: number }> {
    this.disconnect();
    await this.server.restart();
    const client = await login(this.server, 0);
    try {
      const cold = await timed(client, 'SELECT INBOX');
      await execute(client, 'UNSELECT');
      return { cold, warm: await timed(client, 'SELECT INBOX') };
    } finally {
      client.close();
    }
  }

  /** Milliseconds until a client knows what it missed: meanwhile one message in a hundred, of so many, got another flag. */
  async resynchronize(round: number, count: number): Promise<number> {
    const status = (await this.client.ask('STATUS INBOX (UIDVALIDITY HIGHESTMODSEQ)')).toString('latin1');
    const number = (name: string) => new RegExp(`${name} (\\d+)`).exec(status)?.[1];
    const known = `${number('UIDVALIDITY')} ${number('HIGHESTMODSEQ')}`;
    const changed = Array.from({ length: Math.floor(count / 100) }, (_, i) => i * 100 + 1 + round);
    for (let i = 0; i < changed.length; i += NAMED_AT_ONCE)
      await execute(this.client, `STORE ${changed.slice(i, i + NAMED_AT_ONCE).join(',')} +FLAGS.SILENT (\\Answered)`);
    const client = await login(this.server, 0);
    try {
      await execute(client, 'ENABLE QRESYNC');
      return await timed(client, `SELECT INBOX (QRESYNC (${known}))`);
    } finally {
      client.close();
    }
  }
}
