import { storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { Command } from 'commander';
import { formatSize, formatTime, printResult, printRows } from '../cli/output.ts';
import { type ServerOptions, withConnection, withServer } from '../cli/server.ts';

type Options = ServerOptions & { json?: boolean; domain?: string; all?: boolean; bounce?: boolean };

const view = (entry: storage.QueueEntry) => ({
  id: entry.id,
  sender: entry.sender === '' ? '<>' : entry.sender,
  domain: entry.domain,
  recipients: entry.recipients.length,
  size: formatSize(entry.size),
  attempts: entry.attempts,
  next: formatTime(entry.nextAttemptAt),
  'last error': entry.lastError.slice(0, 60),
});

const plain = ({ blobId, ...entry }: storage.QueueEntry) => ({ ...entry, blobId: Buffer.from(blobId).toString('hex') });

async function list(options: Options): Promise<void> {
  const entries: storage.QueueEntry[] = [];
  await withConnection(options, async (server) => {
    for await (const page of server
      .client(storage.QueueServiceDefinition)
      .listEntries({ domain: options.domain ?? '' }))
      entries.push(...page.entries);
  });
  if (options.json === true) printRows(entries.map(plain), [], options);
  else
    printRows(
      entries.map(view),
      ['id', 'sender', 'domain', 'recipients', 'size', 'attempts', 'next', 'last error'],
      options,
    );
}

async function show(id: string, options: Options): Promise<void> {
  const { entry } = await withConnection(options, (server) =>
    server.client(storage.QueueServiceDefinition).getEntry({ id }),
  );
  if (entry === undefined) throw new StoaError('not-found', `there is no queue entry ${id}`);
  const names = Object.entries(storage.QueueRecipient_Status);
  const status = (value: number) =>
    names
      .find(([, number]) => number === value)?.[0]
      .replace('STATUS_', '')
      .toLowerCase();
  const lines = [
    ...Object.entries(view(entry)).map(([name, value]) => `${name.padEnd(12)} ${value}`),
    `${'created'.padEnd(12)} ${formatTime(entry.createdAt)}`,
    `${'expires'.padEnd(12)} ${formatTime(entry.expiresAt)}`,
    ...entry.recipients.map((recipient) =>
      `${'recipient'.padEnd(12)} ${recipient.address}: ${status(recipient.status)} ${recipient.diagnostic}`.trimEnd(),
    ),
  ];
  printResult(plain(entry), lines.join('\n'), options);
}

async function retry(ids: string[], options: Options): Promise<void> {
  if (ids.length === 0 && options.all !== true)
    throw new StoaError('invalid-argument', 'name the entries to retry, or give --all');
  const result = await withConnection(options, (server) =>
    server.client(storage.QueueServiceDefinition).retry({ ids }),
  );
  printResult(result, `${result.retried} entries are due now`, options);
}

async function cancel(ids: string[], options: Options): Promise<void> {
  const request = { ids, bounce: options.bounce === true };
  const result = await withConnection(options, (server) =>
    server.client(storage.QueueServiceDefinition).cancel(request),
  );
  printResult(result, `${result.cancelled} entries cancelled`, options);
}

export function registerQueue(program: Command): void {
  const queue = program
    .command('queue')
    .description('messages that wait for other servers')
    .addHelpText(
      'after',
      `
Examples:
  stoa queue list --domain example.net
  stoa queue show 3f2a90b1c4d5e6f7-1
  stoa queue retry --all
  stoa queue cancel 3f2a90b1c4d5e6f7-1 --bounce`,
    );
  withServer(queue.command('list').description('list entries'))
    .option('--domain <name>', 'for this domain only')
    .action(list);
  withServer(queue.command('show <id>').description('show an entry with its recipients')).action(show);
  withServer(queue.command('retry [ids...]').description('try entries now'))
    .option('--all', 'every entry')
    .action(retry);
  withServer(queue.command('cancel <ids...>').description('give entries up'))
    .option('--bounce', 'tell the sender')
    .action(cancel);
}
