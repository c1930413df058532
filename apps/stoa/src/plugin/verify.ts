import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DriverFactory } from '@stoa/plugin-sdk';
import { verifyDriver } from '@stoa/plugin-sdk/conformance';
import { EXIT } from '../exit-codes.ts';

/** Runs the conformance suite of a driver and tells each test's result. Data that the driver keeps in its folder goes to a temporary one. */
export async function verifyPlugin(driver: DriverFactory, config: unknown, options: { json?: boolean }): Promise<void> {
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
      { context: { dataDirectory: folder } },
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
