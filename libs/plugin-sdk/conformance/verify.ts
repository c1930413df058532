import type { DriverContext, DriverFactory, DriverKind } from '../src/index.ts';
import { blobStoreSuite } from './blob-store.ts';
import { busSuite } from './bus.ts';
import { dataStoreSuite } from './data-store.ts';
import type { HostOptions } from './host.ts';
import { memoryStoreSuite } from './memory-store.ts';
import { searchStoreSuite } from './search-store.ts';
import { type CrashOptions, type SuiteOptions, within } from './suite.ts';

export interface VerifyResult {
  name: string;
  passed: boolean;
  /** What the test threw. */
  error?: unknown;
  durationMs: number;
}

export interface VerifyReport {
  /** All tests passed. */
  passed: boolean;
  results: VerifyResult[];
}

/** Told of each test when it begins and when it has ended. */
export interface VerifyReporter {
  started?(name: string): void;
  finished?(result: VerifyResult): void;
}

export interface VerifyOptions {
  context?: Partial<Omit<DriverContext, 'stores'>> | undefined;
  /** For a composite: the stores of the node that it is part of. */
  host?: HostOptions | undefined;
  /** Also runs the tests that need processes of their own. */
  crash?: CrashOptions | undefined;
  /** Of one test; 120,000 by default. */
  timeoutMs?: number | undefined;
}

const suites: { [K in DriverKind]: (options: SuiteOptions<K>) => void } = {
  data: dataStoreSuite,
  blob: blobStoreSuite,
  memory: memoryStoreSuite,
  bus: busSuite,
  search: searchStoreSuite,
};

/**
 * Runs the suite for the kind of the driver, without a test library, one test after the other. `config` is as a user
 * would write it; the store it names is written to, and the tests delete what they wrote.
 */
export async function verifyDriver(
  factory: DriverFactory,
  config: unknown,
  reporter: VerifyReporter = {},
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const { context, host, crash, timeoutMs = 120_000 } = options;
  const tests: { name: string; body: () => Promise<void> }[] = [];
  const suite = suites[factory.kind] as ((options: SuiteOptions<DriverKind>) => void) | undefined;
  if (suite === undefined) throw new Error(`there is no suite for drivers of the kind "${factory.kind}"`);
  suite({ test: (name, body) => tests.push({ name, body }), factory, config: () => config, context, host, crash });
  const results: VerifyResult[] = [];
  for (const { name, body } of tests) {
    reporter.started?.(name);
    const result = await run(name, body, timeoutMs);
    results.push(result);
    reporter.finished?.(result);
  }
  return { passed: results.every((result) => result.passed), results };
}

async function run(name: string, body: () => Promise<void>, timeoutMs: number): Promise<VerifyResult> {
  const start = performance.now();
  try {
    await within(body(), timeoutMs, name);
    return { name, passed: true, durationMs: performance.now() - start };
  } catch (error) {
    return { name, passed: false, error, durationMs: performance.now() - start };
  }
}
