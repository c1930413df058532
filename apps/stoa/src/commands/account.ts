import { storage } from '@stoa/contracts';
import type { Command } from 'commander';
import { formatSize, formatTime, Progress, parseSize, printResult, printRows } from '../cli/output.ts';
import { type PasswordOptions, readPassword } from '../cli/password.ts';
import { type ServerOptions, withConnection, withServer } from '../cli/server.ts';

type Options = ServerOptions & PasswordOptions & { json?: boolean; quota?: string; domain?: string };

const directoryOf = <T>(options: Options, run: (directory: ReturnType<typeof client>) => Promise<T>): Promise<T> =>
  withConnection(options, (server) => run(client(server)));
const client = (server: Parameters<Parameters<typeof withConnection>[1]>[0]) =>
  server.client(storage.DirectoryServiceDefinition);

const view = (account: storage.Account | undefined) => ({
  address: account?.address,
  id: account?.id,
  state: account?.disabled === true ? 'disabled' : 'active',
  messages: account?.messages,
  used: formatSize(account?.usedBytes ?? 0),
  quota: account?.quotaBytes === 0 ? 'none' : formatSize(account?.quotaBytes ?? 0),
  created: formatTime(account?.createdAt ?? 0),
});

function withPassword(command: Command): Command {
  return command
    .option('--password-stdin', 'read the password from the first line of standard input')
    .option('--password-env <name>', 'read the password from an environment variable');
}

async function add(address: string, options: Options): Promise<void> {
  const password = await readPassword(options);
  const quotaBytes = options.quota === undefined ? 0 : parseSize(options.quota);
  const { account } = await directoryOf(options, (directory) =>
    directory.createAccount({ address, password, quotaBytes }),
  );
  printResult(account ?? {}, `added ${account?.address}`, options);
}

async function list(options: Options): Promise<void> {
  const accounts: storage.Account[] = [];
  const progress = new Progress();
  await directoryOf(options, async (directory) => {
    for await (const page of directory.listAccounts({ domain: options.domain ?? '' }, { timeoutMs: 600_000 })) {
      accounts.push(...page.accounts);
      progress.update(`${accounts.length} accounts`);
    }
  }).finally(() => progress.end());
  if (options.json === true) printRows(accounts as never, [], options);
  else printRows(accounts.map(view), ['address', 'state', 'messages', 'used', 'quota', 'created'], options);
}

async function change(
  address: string,
  update: Parameters<ReturnType<typeof client>['updateAccount']>[0],
  done: string,
  options: Options,
): Promise<void> {
  const { account } = await directoryOf(options, (directory) => directory.updateAccount({ ...update, address }));
  printResult(account ?? {}, `${done} ${account?.address}`, options);
}

async function remove(address: string, options: Options): Promise<void> {
  await directoryOf(options, (directory) => directory.deleteAccount({ address }));
  printResult({ address, deleted: true }, `deleted ${address}; its mail is removed by the next purge`, options);
}

export function registerAccount(program: Command): void {
  const account = program
    .command('account')
    .description('accounts')
    .addHelpText(
      'after',
      `
Examples:
  stoa account add carol@example.org --quota 2G
  echo "$SECRET" | stoa account passwd carol@example.org --password-stdin
  stoa account list --domain example.org --json`,
    );
  withServer(withPassword(account.command('add <address>').description('add an account')))
    .option('--quota <size>', 'most that its mail may take, such as 2G; no limit without it')
    .action(add);
  withServer(account.command('list').description('list accounts'))
    .option('--domain <name>', 'of this domain only')
    .action(list);
  withServer(
    withPassword(
      account.command('passwd <address>').description('set the password, and end the sessions of the account'),
    ),
  ).action(async (address: string, options: Options) =>
    change(address, { password: await readPassword(options) }, 'changed the password of', options),
  );
  withServer(account.command('quota <address> <size>').description('set the quota; 0 means no limit')).action(
    (address: string, size: string, options: Options) =>
      change(address, { quotaBytes: parseSize(size) }, 'changed the quota of', options),
  );
  withServer(account.command('disable <address>').description('refuse logins and mail, keep the mail there is')).action(
    (address: string, options: Options) => change(address, { disabled: true }, 'disabled', options),
  );
  withServer(account.command('enable <address>').description('undo disable')).action(
    (address: string, options: Options) => change(address, { disabled: false }, 'enabled', options),
  );
  withServer(account.command('delete <address>').description('delete an account and its mail')).action(remove);
}
