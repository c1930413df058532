import { type DriverContext, type DriverKind, type InnerStore, StoaError, type StoreAccess } from '@stoa/plugin-sdk';
import type { ConfigDocument } from '../config/load.ts';
import type { WorkerPlace } from '../node/worker-place.ts';
import type { NodeInfo } from '../service.ts';
import type { Logger } from '../telemetry/logger.ts';
import { guardDriver } from './guard.ts';
import { openRemote } from './remote/factory.ts';
import { openDriver, readDriverSection, readInnerSection } from './section.ts';

export { readDriverSection } from './section.ts';

const SHARED_TIMES = { timeout: 30_000, 'connect-timeout': 10_000 };

/** What one process has open for all workers of this node. */
async function openShared<K extends DriverKind>(kind: K, name: string, path: string): Promise<OpenDriver<K>> {
  const target = { address: { path }, tls: undefined, config: {}, ...SHARED_TIMES };
  const { driver, capabilities } = await openRemote(kind, target);
  return { name, driver: guardDriver(kind, name, driver), capabilities: { ...capabilities, shared: 'host' } };
}

export type OpenDriver<K extends DriverKind> = InnerStore<K>;

/** The drivers of a process: each is loaded and opened once, when a service first asks, and closed at the end. */
export class DriverHost {
  readonly #document: ConfigDocument;
  readonly #node: NodeInfo;
  readonly #logger: Logger;
  readonly #worker: WorkerPlace | undefined;
  readonly #open = new Map<DriverKind, Promise<OpenDriver<DriverKind>>>();
  /** The kinds whose stores the composite of a kind is made of. */
  readonly #uses = new Map<DriverKind, Set<DriverKind>>();

  constructor(document: ConfigDocument, node: NodeInfo, logger: Logger, worker?: WorkerPlace) {
    this.#document = document;
    this.#node = node;
    this.#logger = logger;
    this.#worker = worker;
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
    const section = await readDriverSection(this.#document, kind);
    const socket = this.#worker?.shared[kind];
    if (socket !== undefined) return openShared(kind, section.name, socket);
    const opened = await openDriver(section, this.#context(kind, section.name, section.path));
    if (this.#worker === undefined || opened.capabilities.shared !== 'process') return opened;
    await opened.driver.close();
    throw new StoaError(
      'invalid-configuration',
      `[${kind}] driver ${section.name}: every worker would have a ${kind} store of its own; set node.workers to 1, or name another driver`,
    );
  }

  /** `path`: the section of the driver, which is the node's store of the kind `root` or a part of it. */
  #context(root: DriverKind, name: string, path: readonly string[]): DriverContext {
    const stores: StoreAccess = {
      own: async (kind) => {
        if (this.#reaches(kind, root)) {
          throw new StoaError('invalid-configuration', `it is to be made of the ${kind} store, which is made of it`);
        }
        this.#uses.set(root, (this.#uses.get(root) ?? new Set()).add(kind));
        return this.get(kind);
      },
      open: async (inner) => {
        const section = await readInnerSection(this.#document, path, inner);
        return openDriver(section, this.#context(root, section.name, section.path));
      },
    };
    return {
      logger: this.#logger.child({ driver: name, kind: root }),
      dataDirectory: this.#node.dataDirectory,
      nodeId: this.#node.id,
      stores,
    };
  }

  #reaches(from: DriverKind, to: DriverKind): boolean {
    if (from === to) return true;
    return [...(this.#uses.get(from) ?? [])].some((next) => this.#reaches(next, to));
  }

  async close(): Promise<void> {
    const open = new Map(this.#open);
    this.#open.clear();
    while (open.size > 0) {
      // A composite before what it is made of.
      const used = new Set([...open.keys()].flatMap((kind) => [...(this.#uses.get(kind) ?? [])]));
      const free = [...open].filter(([kind]) => !used.has(kind));
      for (const [kind, opening] of free) {
        open.delete(kind);
        await this.#close(opening);
      }
    }
  }

  async #close(opening: Promise<OpenDriver<DriverKind>>): Promise<void> {
    const [opened] = await Promise.allSettled([opening]);
    if (opened.status !== 'fulfilled') return;
    await opened.value.driver.close().catch((error: unknown) => {
      this.#logger.warn({ error, driver: opened.value.name }, 'a driver did not close');
    });
  }
}
