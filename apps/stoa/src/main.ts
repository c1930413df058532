import cluster from 'node:cluster';
import { toStoaError } from '@stoa/plugin-sdk';
import { Command, CommanderError } from 'commander';
import { registerAccount } from './commands/account.ts';
import { registerAlias } from './commands/alias.ts';
import { registerCertificate } from './commands/certificate.ts';
import { registerCluster } from './commands/cluster.ts';
import { registerConfig } from './commands/config.ts';
import { registerDomain } from './commands/domain.ts';
import { registerPlugin } from './commands/plugin.ts';
import { registerQueue } from './commands/queue.ts';
import { registerRole } from './commands/role.ts';
import { registerStart } from './commands/start.ts';
import { registerStatus } from './commands/status.ts';
import { registerStore } from './commands/store.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { VERSION } from './version.ts';

const program = new Command('stoa')
  .description('Stoa, a mail server that scales out')
  .version(VERSION)
  .showHelpAfterError('(stoa --help tells more)')
  .exitOverride()
  .addHelpText(
    'after',
    `
Exit codes: 0 done; 1 failed; 2 wrong arguments or configuration; 3 the server cannot be reached or cannot do it now;
4 not found; 5 exists already; 6 refused in this state.`,
  );

for (const register of [
  registerStart,
  registerStatus,
  registerAccount,
  registerDomain,
  registerAlias,
  registerQueue,
  registerRole,
  registerConfig,
  registerPlugin,
  registerCluster,
  registerCertificate,
  registerStore,
]) {
  register(program);
}

/** Subcommands do not take over how the program ends. */
function overrideExit(command: Command): void {
  command.exitOverride();
  for (const inner of command.commands) overrideExit(inner);
}
overrideExit(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    const known = toStoaError(error);
    process.stderr.write(`stoa: ${known.message}\n`);
    if (known.code === 'internal') process.stderr.write(`${known.stack ?? ''}\n`);
    process.exitCode = exitCodeOf(known.code);
    // The line to who started it would keep a worker alive.
    if (cluster.isWorker) process.exit();
  }
}
