import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DriverFactory } from '@stoa/plugin-sdk';
import { type HostOptions, verifyDriver } from '@stoa/plugin-sdk/conformance';
import { DEFAULT_DRIVERS, installedDriverPackages, resolveDriver } from '@stoa/service-kit';
import { EXIT } from '../exit-codes.ts';

/** For a composite: inner sections may name Stoa's own drivers, and the node's data store is the default one. */
function hostForComposites(): HostOptions {
  const drivers: Record<string, string> = {};
  for (const name of installedDriverPackages(process.cwd())) {
    const [, kind, short] = /^@stoa\/driver-(\w+)-(.+)$/.exec(name) ?? [];
    if (kind !== undefined) drivers[`${kind}/${short}`] = resolveDriver(kind, name, process.cwd());
  }
  return { drivers, own: { data: { driver: DEFAULT_DRIVERS.data } } };
}

/** Runs the conformance suite of a driver and tells each test's result. Data that the driver keeps in its folder goes to a temporary one. */
export async function verifyPlugin(
  driver: DriverFactory,
  config: unknown,
  options: {
    json?: boolean;
    /** URL of its module: with it the tests run that need processes of their own, which are killed. */
    module?: string;
  },
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-verify-'));
  const say = (line: string) => {
    if (options.json !== true) process.stdout.write(`${line}\n`);
  };
  try {
    const report = await verifyDriver(
      driver,
      config,
      {
        finished({ name, passed, error, durationMs }) {
          say(`${passed ? 'ok  ' : 'FAIL'}  ${name} (${(durationMs / 1000).toFixed(1)} s)`);
          if (!passed) say(`      ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        },
      },
      {
        context: { dataDirectory: folder },
        host: hostForComposites(),
        ...(options.module === undefined ? {} : { crash: { module: options.module, execArgv: process.execArgv } }),
      },
    );
    const failed = report.results.filter((result) => !result.passed).length;
    const summary = { driver: driver.name, kind: driver.kind, passed: report.results.length - failed, failed };
    if (options.json === true)
      process.stdout.write(
        `${JSON.stringify({ ...summary, results: report.results.map(({ error, ...rest }) => ({ ...rest, error: error === undefined ? undefined : String(error) })) }, undefined, 2)}\n`,
      );
    else say(`${driver.kind} driver ${driver.name}: ${summary.passed} passed, ${failed} failed`);
    if (!report.passed) process.exitCode = EXIT.failed;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
