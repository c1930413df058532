import {
  type ConfigSchema,
  capabilitiesOf,
  type DriverKind,
  isStoaError,
  type OpenedDriver,
  StoaError,
  toStoaError,
} from '@stoa/plugin-sdk';
import type { ConfigDocument } from '../config/load.ts';
import { DEFAULT_DRIVERS } from '../config/sections.ts';
import type { NodeInfo } from '../service.ts';
import type { Logger } from '../telemetry/logger.ts';
import { guardDriver } from './guard.ts';
import { loadDriver } from './load.ts';
import type { DriverCapabilitiesOf, DriverOf } from './types.ts';

export interface OpenDriver<K extends DriverKind> {
  driver: DriverOf<K>;
  name: string;
  capabilities: DriverCapabilitiesOf<K>;
}

/** The drivers of a process: each is loaded and opened once, when a service first asks, and closed at the end. */
export class DriverHost {
  readonly #document: ConfigDocument;
  readonly #node: NodeInfo;
  readonly #logger: Logger;
  readonly #open = new Map<DriverKind, Promise<OpenDriver<DriverKind>>>();

  constructor(document: ConfigDocument, node: NodeInfo, logger: Logger) {
    this.#document = document;
    this.#node = node;
    this.#logger = logger;
  }

  get<K extends DriverKind>(kind: K): Promise<OpenDriver<K>> {
    let opening = this.#open.get(kind);
    if (opening === undefined) {
      opening = this.#create(kind) as unknown as Promise<OpenDriver<DriverKind>>;
      this.#open.set(kind, opening);
      // What could not be opened may be asked for again.
      opening.catch(() => this.#open.delete(kind));
    }
    return opening as unknown as Promise<OpenDriver<K>>;
  }

  /** Kinds that are in use. */
  get kinds(): DriverKind[] {
    return [...this.#open.keys()];
  }

  async #create<K extends DriverKind>(kind: K): Promise<OpenDriver<K>> {
    const { name, factory, config } = await readDriverSection(this.#document, kind);
    try {
      const driver = (await factory.create(config, {
        logger: this.#logger.child({ driver: name, kind }),
        dataDirectory: this.#node.dataDirectory,
        nodeId: this.#node.id,
      })) as OpenedDriver<K>;
      return { driver: guardDriver(kind, name, driver), name, capabilities: capabilitiesOf<K>(factory, driver) };
    } catch (error) {
      const known = toStoaError(error);
      throw new StoaError(
        isStoaError(error) ? known.code : 'unavailable',
        `[${kind}] driver ${name}: ${known.message}`,
        { cause: error },
      );
    }
  }

  async close(): Promise<void> {
    const drivers = await Promise.allSettled(this.#open.values());
    this.#open.clear();
    for (const opened of drivers) {
      if (opened.status !== 'fulfilled') continue;
      await opened.value.driver.close().catch((error: unknown) => {
        this.#logger.warn({ error, driver: opened.value.name }, 'a driver did not close');
      });
    }
  }
}

/** The driver that a section names, and the section's other keys checked by the driver's schema. Opens nothing. */
export async function readDriverSection<K extends DriverKind>(document: ConfigDocument, kind: K) {
  const { driver: named = DEFAULT_DRIVERS[kind], ...rest } = document.raw(kind);
  if (typeof named !== 'string')
    throw new StoaError('invalid-configuration', `${kind}.driver: expected the name of a driver`);
  const factory = await loadDriver(kind, named, document.folder);
  return { name: named, factory, config: document.section(kind, factory.configSchema as ConfigSchema, rest) };
}
