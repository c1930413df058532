import assert from 'node:assert/strict';
import {
  capabilitiesOf,
  type DriverContext,
  type DriverFactory,
  type DriverKind,
  type InnerSection,
  type InnerStore,
  type StoreAccess,
} from '../src/index.ts';

/** What stands in for a node under a composite; plain data, so that processes of their own get it too. */
export interface HostOptions {
  /** URL of the module of each driver that a section may name, by kind and name: `{ 'blob/fs': 'file:///…' }`. */
  drivers: Readonly<Record<string, string>>;
  /** The node's own stores: sections as a user would write them, `driver` included. */
  own: Readonly<Partial<Record<DriverKind, Readonly<Record<string, unknown>>>>>;
}

/** The stores that one open composite works with. */
export class SuiteHost implements StoreAccess {
  readonly #options: HostOptions;
  readonly #context: Omit<DriverContext, 'stores'>;
  readonly #own = new Map<DriverKind, Promise<InnerStore<DriverKind>>>();

  constructor(options: HostOptions, context: Omit<DriverContext, 'stores'>) {
    this.#options = options;
    this.#context = context;
  }

  get context(): DriverContext {
    const { logger, nodeId, dataDirectory } = this.#context;
    return { logger, nodeId, dataDirectory, stores: this };
  }

  own<K extends DriverKind>(kind: K): Promise<InnerStore<K>> {
    let opening = this.#own.get(kind);
    if (opening === undefined) {
      const section = this.#options.own[kind];
      assert.ok(section !== undefined, `the options of the suite name no ${kind} store: host.own.${kind}`);
      opening = this.open({ kind, path: [], section });
      this.#own.set(kind, opening);
    }
    return opening as unknown as Promise<InnerStore<K>>;
  }

  async open<K extends DriverKind>({ kind, section }: InnerSection<K>): Promise<InnerStore<K>> {
    const { driver: name, ...config } = section;
    const module = this.#options.drivers[`${kind}/${name}`];
    assert.ok(
      module !== undefined,
      `the options of the suite have no module of this driver: host.drivers.${kind}/${name}`,
    );
    const { default: factory } = (await import(module)) as { default: DriverFactory<K> };
    const checked = await factory.configSchema['~standard'].validate(config);
    assert.ok(checked.issues === undefined, `the configuration of ${kind}/${name}: ${JSON.stringify(checked.issues)}`);
    const driver = await factory.create(checked.value, this.context);
    return { name: String(name), driver, capabilities: capabilitiesOf<K>(factory, driver) };
  }

  /** After the composite. */
  async close(): Promise<void> {
    const own = [...this.#own.values()];
    this.#own.clear();
    for (const opening of own) await (await opening).driver.close();
  }
}
