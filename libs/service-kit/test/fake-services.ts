import { type Client, coordinator, storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { z } from 'zod';
import { bind, defineService, type Service, type ServiceContext, type ServiceModule } from '../src/service.ts';

/** One call of a real contract, so that it is in the descriptors too. */
export const quotaContract = {
  name: 'MailService',
  fullName: 'stoa.storage.v1.MailService',
  methods: { getQuota: storage.MailServiceDefinition.methods.getQuota },
} as const;

export interface FakeWorld {
  /** What happened, in order. */
  readonly log: string[];
  contexts: Map<string, ServiceContext<{ limit: number }>>;
  mail: Client<typeof quotaContract> | undefined;
  /** Makes a step of a service fail. */
  failing: string | undefined;
  healthy: boolean;
  degraded: string | undefined;
  /** Gives an event to whoever listens to the coordinator. */
  say(kind: NonNullable<coordinator.Event['kind']>): void;
}

const config = z.strictObject({ limit: z.number().default(7), fixed: z.number().default(1) });

/** Three services: imap asks the store-router, both have a coordinator that says nothing. */
export function fakeServices(): { world: FakeWorld; modules: ServiceModule[] } {
  const world: FakeWorld = {
    log: [],
    contexts: new Map(),
    mail: undefined,
    failing: undefined,
    healthy: true,
    degraded: undefined,
    say: () => {},
  };
  const step = (line: string) => {
    world.log.push(line);
    if (world.failing === line) throw new StoaError('failed-precondition', `${line} fails`);
  };
  const service = (name: string, contracts: Service['contracts']): Service => ({
    contracts,
    async start() {
      step(`${name} start`);
    },
    async drain() {
      step(`${name} drain`);
    },
    async stop() {
      step(`${name} stop`);
    },
    async check() {
      if (!world.healthy) throw new StoaError('unavailable', 'ill');
    },
    get degraded() {
      return name === 'coordinator' ? world.degraded : undefined;
    },
    reload(next) {
      world.log.push(`${name} reload ${(next as { limit: number }).limit}`);
    },
    addresses: { [name]: '127.0.0.1:1' },
    sessions: 1,
  });
  const module = (
    name: 'imap' | 'store-router' | 'coordinator',
    needs: ServiceModule['needs'],
    offers: ServiceModule['offers'],
    contracts: (context: ServiceContext<{ limit: number }>) => Service['contracts'],
  ) =>
    defineService({
      name,
      configSchema: config,
      liveKeys: ['limit'],
      needs,
      offers,
      async create(context) {
        step(`${name} create`);
        world.contexts.set(name, context);
        if (name === 'imap') world.mail = context.client(quotaContract);
        return service(name, contracts(context));
      },
    }) as ServiceModule;
  const modules = [
    module('imap', ['store-router'], [], () => []),
    module('store-router', ['coordinator'], [quotaContract], (context) => [
      bind(quotaContract, { getQuota: async () => ({ limitBytes: context.config.limit }) }),
    ]),
    module('coordinator', [], [coordinator.CoordinatorServiceDefinition], () => [
      bind(coordinator.CoordinatorServiceDefinition, {
        publish: async () => ({}),
        async *subscribe(_, { signal }) {
          yield { item: { $case: 'ready' as const, value: {} } };
          while (!signal.aborted) {
            const kind = await new Promise<coordinator.Event['kind']>((resolve) => {
              world.say = resolve;
              signal.addEventListener('abort', () => resolve(undefined), { once: true });
            });
            if (kind === undefined) return;
            const events = [{ traceParent: '', kind } as coordinator.Event];
            yield { item: { $case: 'delivery' as const, value: { nodeId: 'n2', events } } };
          }
        },
        listMembers: async () => ({}),
      }),
    ]),
  ];
  return { world, modules };
}
