import {
  type ConfigSchema,
  capabilitiesOf,
  type DriverContext,
  type DriverFactory,
  type DriverKind,
  type InnerSection,
  type InnerStore,
  isStoaError,
  type OpenedDriver,
  StoaError,
  toStoaError,
} from '@stoa/plugin-sdk';
import type { ConfigDocument } from '../config/load.ts';
import { DEFAULT_DRIVERS } from '../config/sections.ts';
import { guardDriver } from './guard.ts';
import { loadDriver } from './load.ts';

/** A section that names a driver, read and checked. Nothing is open yet. */
export interface DriverSection<K extends DriverKind> {
  readonly kind: K;
  /** Where it is in the configuration: `['blob']`, or `['blob', 'outer']` for a section inside a composite's. */
  readonly path: readonly string[];
  readonly name: string;
  readonly factory: DriverFactory<K>;
  readonly config: unknown;
}

/** The driver that a section names, and the section's other keys checked by the driver's schema; of a composite, its inner sections too. */
export function readDriverSection<K extends DriverKind>(document: ConfigDocument, kind: K): Promise<DriverSection<K>> {
  return readSection(document, kind, [kind], { driver: DEFAULT_DRIVERS[kind], ...document.raw(kind) });
}

/** The same for an inner section of a section. */
export function readInnerSection<K extends DriverKind>(
  document: ConfigDocument,
  parent: readonly string[],
  { kind, path, section }: InnerSection<K>,
): Promise<DriverSection<K>> {
  return readSection(document, kind, [...parent, ...path], section);
}

async function readSection<K extends DriverKind>(
  document: ConfigDocument,
  kind: K,
  path: readonly string[],
  section: Readonly<Record<string, unknown>>,
): Promise<DriverSection<K>> {
  const { driver: name, ...rest } = section;
  const key = [...path, 'driver'];
  if (typeof name !== 'string') throw document.problem(key, `${key.join('.')}: expected the name of a driver`);
  const factory = await loadDriver(kind, name, document.folder).catch((error: unknown) => {
    throw path.length === 1 ? error : document.problem(key, `[${path.join('.')}] ${toStoaError(error).message}`);
  });
  const config = document.table(path, factory.configSchema as ConfigSchema, rest);
  for (const inner of factory.inner?.(config) ?? []) await readInnerSection(document, path, inner);
  return { kind, path, name, factory, config };
}

/** Opens what a section names. Its errors say which section it was. */
export async function openDriver<K extends DriverKind>(
  { kind, path, name, factory, config }: DriverSection<K>,
  context: DriverContext,
): Promise<InnerStore<K>> {
  try {
    const driver = (await factory.create(config, context)) as OpenedDriver<K>;
    return { name, driver: guardDriver(kind, name, driver), capabilities: capabilitiesOf<K>(factory, driver) };
  } catch (error) {
    const known = toStoaError(error);
    throw new StoaError(
      isStoaError(error) ? known.code : 'unavailable',
      `[${path.join('.')}] driver ${name}: ${known.message}`,
      { cause: error },
    );
  }
}
