import { coordinator, storage } from '@stoa/contracts';
import { StoaError, toStoaError } from '@stoa/plugin-sdk';
import { formatTable } from '../cli/output.ts';
import type { ServerConnection } from '../cli/server.ts';
import type { View } from '../cli/watch.ts';
import { checkHealth, type ProcessHealth } from './health.ts';
import { type MemberView, memberTable, memberView } from './members.ts';

export interface ClusterStatus {
  /** Every node is alive, every process serves, every store and bus works. */
  healthy: boolean;
  nodes: MemberView[];
  processes: { address: string; services: string[]; health: ProcessHealth; detail: string }[];
  /** The bus as each coordinator sees it. */
  bus: { coordinator: string; connected: boolean; detail: string }[];
  stores: { kind: string; driver: string; healthy: boolean; detail: string }[];
  /** Why the stores could not be asked about; empty when they could. */
  storesError: string;
}

const TIMEOUT_MS = 4_000;

/** Asks every process that the configuration names. Rejects with `unavailable` when none of them answers. */
export async function clusterStatus(server: ServerConnection): Promise<ClusterStatus> {
  const options = { timeoutMs: TIMEOUT_MS };
  const [processes, views, stats] = await Promise.all([
    Promise.all(
      server.processes.map(async (process) => ({
        ...process,
        ...(await checkHealth(server.channel(process.address), TIMEOUT_MS)),
      })),
    ),
    Promise.all(
      server.clients(coordinator.CoordinatorServiceDefinition).map(async ({ address, client }) => {
        const answer = await client.listMembers({}, options).catch(toStoaError);
        return { address, answer };
      }),
    ),
    server.client(storage.MaintenanceServiceDefinition).getStoreStats({}, options).catch(toStoaError),
  ]);
  const answered = views.find(({ answer }) => !(answer instanceof StoaError))?.answer;
  if (answered === undefined && processes.every(({ health }) => health === 'unreachable')) {
    throw new StoaError('unavailable', `no process answers: ${processes[0]?.address} ${processes[0]?.detail}`);
  }
  const nodes = answered === undefined || answered instanceof StoaError ? [] : answered.members.map(memberView);
  const bus = views.map(({ address, answer }) => ({
    coordinator: address,
    connected: !(answer instanceof StoaError) && answer.degraded === '',
    detail: answer instanceof StoaError ? answer.message : answer.degraded,
  }));
  const stores = stats instanceof StoaError ? [] : stats.stores;
  const healthy =
    !(stats instanceof StoaError) &&
    nodes.length > 0 &&
    nodes.every(({ state }) => state === 'alive' || state === 'left') &&
    processes.every(({ health }) => health === 'serving') &&
    bus.every(({ connected }) => connected) &&
    stores.every((store) => store.healthy);
  const storesError = stats instanceof StoaError ? stats.message : '';
  return { healthy, nodes, processes, bus, stores, storesError };
}

export function statusView(status: ClusterStatus): View {
  const processes = status.processes.map(({ services, ...rest }) => ({ ...rest, services: services.join(', ') }));
  const bus = status.bus.map(({ coordinator: at, connected, detail }) => ({
    bus: `seen by ${at}`,
    health: connected ? 'connected' : detail,
  }));
  const stores = status.stores.map(({ kind, driver, healthy, detail }) => ({
    store: kind,
    driver,
    health: healthy ? 'healthy' : detail,
  }));
  return {
    data: status,
    text: [
      memberTable(status.nodes),
      formatTable(processes, ['address', 'services', 'health', 'detail']),
      formatTable(bus, ['bus', 'health']),
      status.storesError === ''
        ? formatTable(stores, ['store', 'driver', 'health'])
        : `the stores are not known: ${status.storesError}\n`,
      status.healthy ? 'all is well\n' : 'something is not well\n',
    ].join('\n'),
  };
}
