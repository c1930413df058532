import { pathToFileURL } from 'node:url';
import { type ConfigSchema, type DriverFactory, StoaError } from '@stoa/plugin-sdk';
import {
  DRIVER_KINDS,
  importDriver,
  installedDriverPackages,
  loadDriver,
  REMOTE_DRIVER,
  resolveDriver,
} from '@stoa/service-kit';
import type { Command } from 'commander';
import { printRows } from '../cli/output.ts';
import { verifyPlugin } from '../plugin/verify.ts';

async function describe(name: string): Promise<Record<string, unknown>> {
  try {
    const driver = await importDriver(resolveDriver('data', name, process.cwd()), name);
    return {
      package: name,
      kind: driver.kind,
      name: driver.name,
      sdk: driver.sdk,
      capabilities: JSON.stringify(driver.capabilities),
    };
  } catch (error) {
    return { package: name, kind: 'broken', capabilities: (error as Error).message };
  }
}

interface VerifyCommandOptions {
  config?: string;
  kind?: string;
  json?: boolean;
}

/** The driver, and the module that other processes find it in; a remote one is in a process of its own already. */
async function driverNamed(
  name: string,
  kind: string | undefined,
): Promise<{ driver: DriverFactory; module?: string }> {
  if (name === REMOTE_DRIVER) {
    const wanted = DRIVER_KINDS.find((one) => one === kind);
    if (wanted === undefined)
      throw new StoaError('invalid-argument', `--kind: say which contract it serves: ${DRIVER_KINDS.join(', ')}`);
    return { driver: (await loadDriver(wanted, name, process.cwd())) as DriverFactory };
  }
  const module = /^file:/.test(name)
    ? name
    : name.startsWith('/') && name.endsWith('.js')
      ? pathToFileURL(name).href
      : resolveDriver('data', name, process.cwd());
  return { driver: await importDriver(module, name), module };
}

async function connectOnce(driver: DriverFactory, config: unknown): Promise<void> {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const opened = await driver.create(config, { logger, dataDirectory: process.cwd(), nodeId: 'verify' });
  await opened.close();
}

async function verify(name: string, options: VerifyCommandOptions): Promise<void> {
  const { driver, module } = await driverNamed(name, options.kind);
  let given: unknown;
  try {
    given = JSON.parse(options.config ?? '{}');
  } catch (error) {
    throw new StoaError('invalid-argument', `--config is no JSON: ${(error as Error).message}`);
  }
  const checked = await (driver.configSchema as ConfigSchema)['~standard'].validate(given);
  if (checked.issues !== undefined) {
    throw new StoaError(
      'invalid-configuration',
      checked.issues.map((issue) => `--config ${(issue.path ?? []).join('.')}: ${issue.message}`).join('\n'),
    );
  }
  // Only its process knows what a remote driver can do, and with it which tests are for it.
  if (module === undefined) await connectOnce(driver, checked.value);
  await verifyPlugin(driver, given, { ...options, ...(module === undefined ? {} : { module }) });
}

export function registerPlugin(program: Command): void {
  const plugin = program
    .command('plugin')
    .description('drivers')
    .addHelpText(
      'after',
      `
Examples:
  stoa plugin list
  stoa plugin verify @example/stoa-data-foo --config '{"url":"foo://127.0.0.1"}'
  stoa plugin verify remote --kind memory --config '{"address":"127.0.0.1:7101"}'`,
    );
  plugin
    .command('list')
    .description('list the drivers that are installed')
    .option('--json', 'write JSON')
    .action(async (options: { json?: boolean }) => {
      const rows = await Promise.all(installedDriverPackages(process.cwd()).map(describe));
      printRows(rows, ['package', 'kind', 'name', 'sdk', 'capabilities'], options);
    });
  plugin
    .command('verify <package>')
    .description('run the conformance suite of its kind against a driver; exit code 1 when it fails')
    .option('--kind <kind>', 'of "remote": the contract that the other process serves')
    .option('--config <json>', 'configuration of the driver, as JSON', '{}')
    .option('--json', 'write JSON')
    .action(verify);
}
