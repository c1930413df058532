import { DRIVER_BRAND, type DriverFactory, type DriverKind, SDK_VERSION, StoaError } from '@stoa/plugin-sdk';
import { satisfies, validRange } from 'semver';
import { REMOTE_DRIVER, remoteDriver } from './remote/factory.ts';
import { resolveDriver } from './resolve.ts';

export const DRIVER_KINDS: readonly DriverKind[] = ['data', 'blob', 'memory', 'search', 'bus'];

/** Imports a driver and checks that it is one, of this kind, built for this interface; "remote" stands for one in another process. */
export async function loadDriver<K extends DriverKind>(
  kind: K,
  name: string,
  folder: string,
): Promise<DriverFactory<K>> {
  if (name === REMOTE_DRIVER) return remoteDriver(kind, folder) as DriverFactory<K>;
  const factory = await importDriver(resolveDriver(kind, name, folder), `${kind}.driver ${JSON.stringify(name)}`);
  if (factory.kind !== kind) {
    throw new StoaError(
      'invalid-configuration',
      `${kind}.driver: ${name} is a driver of kind "${factory.kind}", not "${kind}"`,
    );
  }
  return factory as DriverFactory<K>;
}

/** Imports a module's default export as a driver factory. */
export async function importDriver(url: string, what: string): Promise<DriverFactory> {
  let module: { default?: unknown };
  try {
    module = (await import(url)) as { default?: unknown };
  } catch (error) {
    throw new StoaError('invalid-configuration', `${what}: cannot be loaded: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return checkFactory(module.default, what);
}

/** Checks by brand, not by class: a driver may carry its own copy of the SDK, or none. */
export function checkFactory(candidate: unknown, what: string): DriverFactory {
  const refuse = (why: string) => new StoaError('invalid-configuration', `${what}: ${why}`);
  if (
    typeof candidate !== 'object' ||
    candidate === null ||
    (candidate as Record<symbol, unknown>)[DRIVER_BRAND] !== true
  ) {
    throw refuse(
      "its default export is no driver; make it with defineDriver of @stoa/plugin-sdk, or set Symbol.for('stoa.driver')",
    );
  }
  const { name, kind, sdk, create, configSchema } = candidate as Partial<DriverFactory>;
  if (typeof name !== 'string' || typeof create !== 'function') throw refuse('a driver needs `name` and `create`');
  if (!DRIVER_KINDS.includes(kind as DriverKind)) throw refuse(`unknown kind ${JSON.stringify(kind)}`);
  if (typeof configSchema?.['~standard']?.validate !== 'function')
    throw refuse('`configSchema` must implement Standard Schema');
  if (typeof sdk !== 'string' || validRange(sdk) === null)
    throw refuse('`sdk` must be a range of versions, such as "^1.0.0"');
  if (!satisfies(SDK_VERSION, sdk)) {
    throw refuse(
      `it was built for version ${sdk} of the driver interface, this is ${SDK_VERSION}; install a release of it that fits`,
    );
  }
  return candidate as DriverFactory;
}
