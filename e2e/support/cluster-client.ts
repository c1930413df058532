import { type Client, createChannel, createGrpcClient, type ServiceDefinition } from '@stoa/contracts';
import { channelCredentials } from '@stoa/service-kit';
import type { LocalCluster, ServiceName } from '../../tools/cluster/local-cluster.ts';

/** A client of a contract that a service of one node offers, as the operator's commands have it. */
export function clusterClient<D extends ServiceDefinition>(
  cluster: LocalCluster,
  definition: D,
  { nodeId = '1', service = 'store-router' }: { nodeId?: string; service?: ServiceName } = {},
): AsyncDisposable & { client: Client<D> } {
  const node = cluster.node(nodeId);
  const address = { host: node.host, port: node.cluster[service] };
  const channel = createChannel(`${address.host}:${address.port}`, channelCredentials(cluster.pki(nodeId), address));
  return {
    client: createGrpcClient(definition, channel),
    async [Symbol.asyncDispose]() {
      channel.close();
    },
  };
}
