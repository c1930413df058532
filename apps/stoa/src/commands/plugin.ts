import { pathToFileURL } from 'node:url';
import { type ConfigSchema, StoaError } from '@stoa/plugin-sdk';
import { importDriver, installedDriverPackages, resolveDriver } from '@stoa/service-kit';
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

async function verify(name: string, options: { config?: string; json?: boolean }): Promise<void> {
  const driver = await importDriver(
    name.startsWith('file:')
      ? name
      : name.startsWith('/') && name.endsWith('.js')
        ? pathToFileURL(name).href
        : resolveDriver('data', name, process.cwd()),
    name,
  );
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
  await verifyPlugin(driver, given, options);
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
  stoa plugin verify @example/stoa-data-foo --config '{"url":"foo://127.0.0.1"}'`,
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
    .option('--config <json>', 'configuration of the driver, as JSON', '{}')
    .option('--json', 'write JSON')
    .action(verify);
}
