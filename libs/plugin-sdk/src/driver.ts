import type { BlobCapabilities, BlobStore } from './blob-store.ts';
import type { Bus, BusCapabilities } from './bus.ts';
import type { DataCapabilities, DataStore } from './data-store.ts';
import type { MemoryCapabilities, MemoryStore } from './memory-store.ts';
import type { SearchCapabilities, SearchStore } from './search-store.ts';
import type { ConfigSchema } from './standard-schema.ts';

/** Version of this interface. A driver names the range it was built for; the loader checks that this lies in it. */
export const SDK_VERSION = '1.0.0';

export const DRIVER_BRAND: unique symbol = Symbol.for('stoa.driver') as never;

export interface DriverKinds {
  data: { driver: DataStore; capabilities: DataCapabilities };
  blob: { driver: BlobStore; capabilities: BlobCapabilities };
  memory: { driver: MemoryStore; capabilities: MemoryCapabilities };
  search: { driver: SearchStore; capabilities: SearchCapabilities };
  bus: { driver: Bus; capabilities: BusCapabilities };
}

export type DriverKind = keyof DriverKinds;

export interface DriverLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a driver gets from its host. */
export interface DriverContext {
  /** Never log secrets or message content. */
  readonly logger: DriverLogger;
  /** Folder for the data of this node; relative paths of the configuration are resolved against it. */
  readonly dataDirectory: string;
  readonly nodeId: string;
  /** Other stores, for a composite. Absent where the driver runs without a node: in a process of its own, or in some tests. */
  readonly stores?: StoreAccess | undefined;
}

/** A store as a composite gets it: arguments are checked, calls are traced, every failure is a StoaError. */
export interface InnerStore<K extends DriverKind> {
  readonly name: string;
  readonly driver: DriverKinds[K]['driver'];
  readonly capabilities: DriverKinds[K]['capabilities'];
}

/** How a composite, a store made of stores, gets those. */
export interface StoreAccess {
  /**
   * The node's own store of a kind: opened once, and not the composite's to close. It stays open for as long as the
   * composite is. Rejects with `invalid-configuration` where that store itself waits for this one.
   */
  own<K extends DriverKind>(kind: K): Promise<InnerStore<K>>;
  /** Opens what an inner section names; whoever asked closes it. Rejects with `invalid-configuration` as at a start. */
  open<K extends DriverKind>(section: InnerSection<K>): Promise<InnerStore<K>>;
}

/** A table within a composite's section of the configuration that names a driver of its own, as `[blob.outer]` does. */
export interface InnerSection<K extends DriverKind = DriverKind> {
  readonly kind: K;
  /** Where it is within the composite's section, such as `['outer']`; for messages. */
  readonly path: readonly string[];
  /** As it was written, unchecked: `driver`, and the keys of that driver. */
  readonly section: Readonly<Record<string, unknown>>;
}

/**
 * An open driver. Its own `capabilities`, where it has them, stand in place of its factory's: for what only the server
 * behind it decides. The factory then declares what holds for every server.
 */
export type OpenedDriver<K extends DriverKind> = DriverKinds[K]['driver'] & {
  readonly capabilities?: DriverKinds[K]['capabilities'];
};

/** The default export of a driver package. */
export interface DriverFactory<K extends DriverKind = DriverKind, Config = unknown> {
  readonly [DRIVER_BRAND]: true;
  /** As configuration names it, for example "lmdb". */
  readonly name: string;
  readonly kind: K;
  /** Semantic version range of `SDK_VERSION` that the driver was built for. */
  readonly sdk: string;
  readonly configSchema: ConfigSchema<Config>;
  readonly capabilities: DriverKinds[K]['capabilities'];
  /**
   * Of a composite: its inner sections, so that they are checked with its own before anything is opened. Each has a
   * `driver`; a default is the composite's to put there. `config` is what the schema returned.
   */
  inner?(config: Config): readonly InnerSection[];
  /** Opens the store or connects to the bus. Rejects with a message that says what to change in the configuration. */
  create(config: Config, context: DriverContext): Promise<OpenedDriver<K>>;
}

/** What an open driver can. */
export function capabilitiesOf<K extends DriverKind>(
  factory: Pick<DriverFactory<K>, 'capabilities'>,
  driver: OpenedDriver<K>,
): DriverKinds[K]['capabilities'] {
  return driver.capabilities ?? factory.capabilities;
}

/** Types and brands a driver factory. A package may also brand its own object with `Symbol.for('stoa.driver')`. */
export function defineDriver<K extends DriverKind, Config>(
  factory: Omit<DriverFactory<K, Config>, typeof DRIVER_BRAND>,
): DriverFactory<K, Config> {
  return { ...factory, [DRIVER_BRAND]: true };
}
