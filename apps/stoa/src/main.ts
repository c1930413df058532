import { toStoaError } from '@stoa/plugin-sdk';
import { Command, CommanderError } from 'commander';
import { registerStart } from './commands/start.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { VERSION } from './version.ts';

const program = new Command('stoa')
  .description('Stoa, a mail server that scales out')
  .version(VERSION)
  .showHelpAfterError('(stoa --help tells more)')
  .exitOverride();

registerStart(program);

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
  }
}
