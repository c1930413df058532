import cluster from 'node:cluster';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type ConfigDocument,
  formatAddress,
  type Logger,
  lockDataDirectory,
  type NodeInfo,
  type ServiceName,
  shareStores,
  workerHttpSocket,
} from '@stoa/service-kit';
import { VERSION } from '../version.ts';
import { ask } from './ask.ts';
import { Distributor } from './distributor.ts';
import { WorkersFront } from './front.ts';
import { placeVariable } from './place.ts';
import { makeSocketFolder } from './socket-folder.ts';
import { Supervisor } from './supervisor.ts';

export interface SuperviseOptions {
  document: ConfigDocument;
  count: number;
  services: readonly ServiceName[];
  logger: Logger;
}

/** A node of several processes. */
export interface SupervisedNode {
  readonly addresses: Readonly<Record<string, string>>;
  readonly dataDirectory: string;
  readonly pids: readonly (number | undefined)[];
  reload(): void;
  /** Drains and ends all workers. Safe to call twice. */
  stop(): Promise<void>;
  /** Ends all at once. */
  kill(): void;
}

/** Beyond the time that a worker's own drain may take. */
const STOP_GRACE_MS = 10_000;
/** A worker waits 2 s for its own checks. */
const ASK_TIMEOUT_MS = 3_000;

/**
 * Runs the services of a node in several processes. This one takes connections and hands them out in turn, keeps what can only
 * be in one place (decision 0010), and does no mail itself. When it dies the workers end too.
 */
export async function supervise({ document, count, services, logger }: SuperviseOptions): Promise<SupervisedNode> {
  const core = document.core();
  const dataDirectory = resolve(document.folder, core.node['data-directory']);
  const info: NodeInfo = {
    id: core.node.id,
    name: core.node.id,
    incarnation: Date.now(),
    clusterId: core.node['cluster-id'],
    hostname: core.node.hostname,
    dataDirectory,
    version: VERSION,
    demo: false,
    services,
  };
  const closing: (() => unknown)[] = [lockDataDirectory(dataDirectory, services)];
  const closeAll = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    const folder = makeSocketFolder(dataDirectory);
    closing.push(() => rmSync(folder, { recursive: true, force: true }));
    const stores = await shareStores({ document, node: info, logger, folder });
    closing.push(() => stores.close());
    const distributor = new Distributor(logger);
    closing.push(() => distributor.close());
    // For the gRPC server alone, whose few connections each process accepts for itself; mail clients are handed out.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    const supervisor = new Supervisor({
      count,
      fork: (number) => {
        const worker = cluster.fork(placeVariable({ number, folder, shared: stores.sockets }));
        distributor.add(worker);
        return worker;
      },
      logger,
      stopTimeoutMs: core.node['drain-timeout'] + STOP_GRACE_MS,
    });
    closing.push(() => supervisor.stop());
    const front = new WorkersFront({
      workers: () => supervisor.workers,
      stopping: () => supervisor.stopping,
      ask: (number, path) => ask(workerHttpSocket(folder, number), path, ASK_TIMEOUT_MS),
    });
    const addresses: Record<string, string> = {};
    if (core.http.listen !== undefined) {
      addresses['http'] = formatAddress(await front.listen(core.http.listen));
      closing.splice(-1, 0, () => front.close());
    }
    Object.assign(addresses, await supervisor.start());
    let stopping: Promise<void> | undefined;
    return {
      addresses,
      dataDirectory,
      get pids() {
        return supervisor.workers.map(({ pid }) => pid);
      },
      reload: () => supervisor.reload(),
      stop: () => {
        stopping ??= closeAll();
        return stopping;
      },
      kill: () => supervisor.kill(),
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
