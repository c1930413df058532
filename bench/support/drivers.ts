import type { BlobStore, Bus, DataStore, DriverContext, DriverFactory, InnerStore } from '@stoa/plugin-sdk';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

interface Kinds {
  data: DataStore;
  blob: BlobStore;
  bus: Bus;
}

/** Opens a driver of this repository as the plugin loader does; `folder`: where an embedded one keeps its data. */
export async function openDriver<K extends keyof Kinds>(
  kind: K,
  technology: string,
  config: Record<string, unknown>,
  { folder = '/nonexistent', stores }: { folder?: string; stores?: DriverContext['stores'] } = {},
): Promise<Kinds[K]> {
  const { default: factory } = (await import(`@stoa/driver-${kind}-${technology}`)) as { default: DriverFactory };
  const result = await factory.configSchema['~standard'].validate(config);
  if (result.issues !== undefined) throw new Error(`${kind}-${technology}: ${result.issues[0]?.message}`);
  const context = { logger: silent, dataDirectory: folder, nodeId: 'bench', ...(stores && { stores }) };
  return (await factory.create(result.value, context)) as Kinds[K];
}

/** Small bodies in the data store, the others in `outer`; both stay the caller's. */
export function openInline(data: DataStore, outer: BlobStore, threshold: string): Promise<BlobStore> {
  const inner = (driver: DataStore | BlobStore) =>
    ({
      name: 'bench',
      driver,
      capabilities: { shared: 'network', conditionalCreate: true },
    }) as unknown as InnerStore<never>;
  const stores: DriverContext['stores'] = { own: async () => inner(data), open: async () => inner(outer) };
  return openDriver('blob', 'inline', { threshold }, { stores });
}
