import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  capabilitiesOf,
  type DriverContext,
  type DriverFactory,
  type DriverKind,
  type DriverKinds,
  type ErrorCode,
  hasCode,
  isStoaError,
  type StoreAccess,
} from '../src/index.ts';
import { type HostOptions, SuiteHost } from './host.ts';

/** The part of a test library that a suite needs; vitest, jest and node:test all have it. */
export interface TestApi {
  test(name: string, body: () => Promise<void>): unknown;
  describe?: ((name: string, body: () => void) => unknown) | undefined;
}

/** Lets a suite run the driver in processes of its own: to kill them, and to let several share one store. */
export interface CrashOptions {
  /** URL of the module whose default export is the factory. */
  module: string | URL;
  /** Options of node for these processes. */
  execArgv?: readonly string[] | undefined;
}

export interface SuiteOptions<K extends DriverKind> extends TestApi {
  factory: DriverFactory<K>;
  /**
   * Configuration, as a user would write it, of a store for the tests. Called once. The store need not be empty: each
   * test uses names of its own, but expects them to be its own.
   */
  config(): unknown;
  /** What the driver gets from its host; a temporary data directory and a silent logger by default. */
  context?: Partial<Omit<DriverContext, 'stores'>> | undefined;
  /** For a composite: the stores of the node that it is part of. A function is called once, when the first test runs. */
  host?: HostOptions | (() => HostOptions | Promise<HostOptions>) | undefined;
  /** Without it, the tests that need processes of their own are left out. */
  crash?: CrashOptions | undefined;
  /** How long a message of a bus may take before it counts as lost; 15,000 by default. */
  patienceMs?: number | undefined;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The driver under test: opens it, each time with the same configuration. */
export class Subject<K extends DriverKind> {
  readonly factory: DriverFactory<K>;
  readonly crash: CrashOptions | undefined;
  readonly patienceMs: number;
  readonly #options: SuiteOptions<K>;
  readonly context: DriverContext;
  #host: Promise<HostOptions | undefined> | undefined;
  #config: Promise<unknown> | undefined;
  #capabilities: DriverKinds[K]['capabilities'] | undefined;

  constructor(options: SuiteOptions<K>) {
    this.#options = options;
    this.factory = options.factory;
    this.crash = options.crash;
    this.context = makeContext(options.context);
    this.patienceMs = options.patienceMs ?? 15_000;
  }

  /** Those of the driver that was opened last, before that the factory's. */
  get capabilities(): DriverKinds[K]['capabilities'] {
    return this.#capabilities ?? this.factory.capabilities;
  }

  /** As the user wrote it, and as the schema of the driver returns it. */
  rawConfig(): Promise<unknown> {
    this.#config ??= Promise.resolve(this.#options.config());
    return this.#config;
  }

  hostOptions(): Promise<HostOptions | undefined> {
    const { host } = this.#options;
    this.#host ??= Promise.resolve(typeof host === 'function' ? host() : host);
    return this.#host;
  }

  /** The stores of a node, for one open driver; undefined where the driver needs none. */
  async openHost(): Promise<SuiteHost | undefined> {
    const options = await this.hostOptions();
    return options && new SuiteHost(options, this.context);
  }

  async open(context = this.context): Promise<DriverKinds[K]['driver']> {
    const result = await this.factory.configSchema['~standard'].validate(await this.rawConfig());
    assert.ok(!result.issues, `the configuration is refused: ${JSON.stringify(result.issues)}`);
    const driver = await this.factory.create(result.value, context);
    this.#capabilities = capabilitiesOf(this.factory, driver);
    return driver;
  }

  /** Opens the driver for the body, and closes it whatever happens; after it the stores that it is made of. */
  async use<T>(body: (driver: DriverKinds[K]['driver'], stores: StoreAccess | undefined) => Promise<T>): Promise<T> {
    const host = await this.openHost();
    try {
      const driver = await this.open(host?.context);
      try {
        return await body(driver, host);
      } finally {
        await driver.close();
      }
    } finally {
      await host?.close();
    }
  }
}

/** The temporary folder is made when the driver asks for it: many never do. */
function makeContext(given: Partial<DriverContext> = {}): DriverContext {
  let folder = given.dataDirectory;
  return {
    logger: given.logger ?? silent,
    nodeId: given.nodeId ?? 'conformance',
    get dataDirectory() {
      folder ??= temporaryFolder();
      return folder;
    },
  };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-conformance-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A name that no other test uses. */
export function uniqueName(): string {
  return randomBytes(8).toString('hex');
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

export function hex(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
}

/** Octets that depend on the seed alone. */
export function pattern(size: number, seed: number): Uint8Array {
  const out = new Uint8Array(size);
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  for (let at = 0; at < size; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[at] = state >>> 24;
  }
  return out;
}

export function sameBytes(actual: Uint8Array | undefined, expected: Uint8Array | undefined, what: string): void {
  if (actual === undefined || expected === undefined) {
    assert.equal(actual, expected, what);
    return;
  }
  assert.ok(actual instanceof Uint8Array, `${what}: not a Uint8Array`);
  assert.equal(actual.length, expected.length, `${what}: length`);
  assert.ok(Buffer.compare(actual, expected) === 0, `${what}: content`);
}

/** The call rejects with a StoaError of one of the codes. */
export async function rejectsWith(call: Promise<unknown>, ...codes: ErrorCode[]): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.ok(isStoaError(error), `not a StoaError: ${error}`);
    assert.ok(
      codes.some((code) => hasCode(error, code)),
      `code ${error.code} (${error.message}) instead of ${codes.join(' or ')}`,
    );
    return true;
  });
}

/** The call either resolves or rejects with a StoaError of one of the codes. */
export async function mayRejectWith(call: Promise<unknown>, ...codes: ErrorCode[]): Promise<void> {
  try {
    await call;
  } catch (error) {
    await rejectsWith(Promise.reject(error), ...codes);
  }
}

export async function collect<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** Fails after the time instead of hanging. */
export async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `${what}: nothing within ${ms} ms` })), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Puts the tests of a suite under one heading, where the test library has headings. */
export function heading<K extends DriverKind>(
  options: SuiteOptions<K>,
  body: (test: TestApi['test'], subject: Subject<K>) => void,
): void {
  const subject = new Subject(options);
  const run = () => body((name, test) => options.test(name, test), subject);
  if (options.describe === undefined) run();
  else options.describe(`${options.factory.kind} driver "${options.factory.name}"`, run);
}
