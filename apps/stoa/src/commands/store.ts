import { resolve } from 'node:path';
import { StoaError } from '@stoa/plugin-sdk';
import { type ConfigDocument, createLogger, DriverHost, readConfig } from '@stoa/service-kit';
import { abandonMigration, type MailStores, type MigrationProgress, migrate } from '@stoa/service-store-router';
import type { Command } from 'commander';
import { Progress, printResult } from '../cli/output.ts';
import { VERSION } from '../version.ts';

interface Options {
  from: string;
  to?: string;
  offline?: boolean;
  abandon?: boolean;
  json?: boolean;
}

interface OpenStores extends MailStores {
  /** Driver of the data store and of the blob store, for people. */
  readonly names: string;
  /** Only processes of one host use the data store. */
  readonly local: boolean;
  close(): Promise<void>;
}

/** The data and blob store of a configuration, as a node would open them. */
async function openStores(document: ConfigDocument): Promise<OpenStores> {
  const { node } = document.core();
  const host = new DriverHost(
    document,
    {
      id: node.id,
      name: node.id,
      incarnation: Date.now(),
      clusterId: node['cluster-id'],
      hostname: node.hostname,
      dataDirectory: resolve(document.folder, node['data-directory']),
      version: VERSION,
      demo: false,
      services: [],
    },
    createLogger({ level: 'error', nodeId: node.id }),
  );
  try {
    const [data, blob] = await Promise.all([host.get('data'), host.get('blob')]);
    return {
      data: data.driver,
      blobs: blob.driver,
      names: `${data.name} and ${blob.name}`,
      local: data.capabilities.shared !== 'network',
      close: () => host.close(),
    };
  } catch (error) {
    await host.close();
    throw error;
  }
}

const WORDS: Readonly<Record<MigrationProgress['step'], string>> = {
  counting: 'counting rows',
  blobs: 'copying blobs',
  rows: 'copying rows',
  verifying: 'comparing',
  switching: 'switching',
  moved: 'moved',
};

const BAR = 30;

/** A line such as "copying rows  ############------  61%  12345 of 20240  8000/s". */
export function progressLine({ step, done, total }: MigrationProgress, perSecond: number): string {
  const rate = perSecond > 0 ? `  ${Math.round(perSecond)}/s` : '';
  if (total === undefined) return `${WORDS[step]}  ${done}${rate}`;
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.round(part * BAR);
  const bar = `${'#'.repeat(full)}${'-'.repeat(BAR - full)}`;
  return `${WORDS[step]}  ${bar}  ${Math.floor(part * 100)}%  ${done} of ${total}${rate}`;
}

/** Shows a bar where somebody watches, and a line for each step where nobody does. */
class Reporter {
  readonly #bar = new Progress();
  #step: MigrationProgress['step'] | undefined;
  #since = Date.now();
  #first = 0;

  told(progress: MigrationProgress): void {
    const begins = progress.step !== this.#step;
    if (begins) {
      this.#step = progress.step;
      this.#since = Date.now();
      this.#first = progress.done;
      if (process.stderr.isTTY !== true) process.stderr.write(`${WORDS[progress.step]} …\n`);
    }
    const seconds = (Date.now() - this.#since) / 1000;
    this.#bar.update(progressLine(progress, seconds > 0.5 ? (progress.done - this.#first) / seconds : 0), begins);
  }

  end(): void {
    this.#bar.end();
  }
}

async function abandon(options: Options): Promise<void> {
  const from = await openStores(await readConfig(options.from, process.env));
  try {
    const was = await abandonMigration(from);
    const sentence = was
      ? 'the migration is forgotten; what was copied stays in the other store'
      : 'there is no migration under way';
    printResult({ abandoned: was }, sentence, options);
  } finally {
    await from.close();
  }
}

async function move(options: Options): Promise<void> {
  if (options.abandon === true) return abandon(options);
  if (options.to === undefined) throw new StoaError('invalid-argument', '--to: name the configuration to move to');
  const [source, target] = await Promise.all([options.from, options.to].map((file) => readConfig(file, process.env)));
  const from = await openStores(source as ConfigDocument);
  const reporter = new Reporter();
  try {
    if (!from.local && options.offline !== true) {
      throw new StoaError(
        'failed-precondition',
        'a store that several hosts share can be moved only while no node uses it; stop them all and say --offline',
      );
    }
    const to = await openStores(target as ConfigDocument);
    try {
      const interrupted = new AbortController();
      process.once('SIGINT', () =>
        interrupted.abort(new StoaError('cancelled', 'interrupted; the same command goes on where it stopped')),
      );
      const result = await migrate({
        from,
        to,
        target: `${to.names} of ${options.to}`,
        now: Date.now,
        signal: interrupted.signal,
        progress: (progress) => reporter.told(progress),
      });
      reporter.end();
      const { rows, blobs, carried, mended, heldMs } = result;
      printResult(
        result,
        `moved ${rows} rows and ${blobs} blobs; ${carried} rows changed meanwhile and were carried over, ${mended} were mended; ` +
          `changes were held back for ${heldMs} ms\nEverything was compared. Now start the node with ${options.to}.`,
        options,
      );
    } finally {
      await to.close();
    }
  } finally {
    reporter.end();
    await from.close();
  }
}

export function registerStore(program: Command): void {
  program
    .command('store')
    .description('the stores of a node')
    .addHelpText(
      'after',
      `
Examples:
  stoa store migrate --from stoa.toml --to cluster.toml
  stoa store migrate --from stoa.toml --abandon`,
    )
    .command('migrate')
    .description(
      'move all data to other stores, while the node runs but for a last moment; may be interrupted and repeated',
    )
    .requiredOption('--from <file>', 'configuration of the node whose data are moved')
    .option('--to <file>', 'configuration with the stores to move to, which must be empty')
    .option('--offline', 'no node uses the stores; for those that several hosts share')
    .option('--abandon', 'forget a migration that was begun')
    .option('--json', 'write JSON')
    .action(move);
}
