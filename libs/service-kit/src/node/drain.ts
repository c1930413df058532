import type { Client, coordinator } from '@stoa/contracts';
import { toStoaError } from '@stoa/plugin-sdk';
import type { EventClient } from '../events/types.ts';
import type { Service, ServiceName } from '../service.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface NodeDrainOptions {
  /** What an order may call this node: its id, and the name that it shares with the other workers. */
  names: readonly string[];
  /** Services of this process, those that need others last. */
  services: ReadonlyMap<ServiceName, Service>;
  /** Longest time that work under way is waited for. */
  timeoutMs: number;
  client: Client<typeof coordinator.CoordinatorServiceDefinition>;
  /** As this process calls itself when it subscribes. */
  subscriber: string;
  events: Pick<EventClient, 'subscribe' | 'flush'>;
  logger: Logger;
  /** Called once, before the first service is asked. */
  onDraining(): void;
}

const TELL_TIMEOUT_MS = 5_000;

/**
 * Takes a process out of service while it goes on to run: an operator's order for its node comes as an event. Its listeners
 * close, its sessions end, its roles go to others. The coordinator stays, and so do the contracts of this process, for the
 * last work of others; they end with the process.
 */
export class NodeDrain {
  readonly #options: NodeDrainOptions;
  readonly #unsubscribe: () => void;
  #draining: Promise<void> | undefined;
  #drained = false;

  constructor(options: NodeDrainOptions) {
    this.#options = options;
    this.#unsubscribe = options.events.subscribe({
      event: ({ kind }) => {
        if (kind?.$case === 'nodeDrainRequested' && options.names.includes(kind.value.nodeId)) void this.drain();
      },
      // The coordinator may be another one now, which does not know.
      gap: () => {
        if (this.#draining !== undefined) void this.#tell();
      },
    });
  }

  get draining(): boolean {
    return this.#draining !== undefined;
  }

  /** Resolves when all services have ended their work, or did not in time. */
  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  close(): void {
    this.#unsubscribe();
  }

  async #drain(): Promise<void> {
    const { services, timeoutMs, logger, onDraining } = this.#options;
    await Promise.resolve();
    logger.warn({}, 'this process was told to drain: it takes no new clients until it is started again');
    onDraining();
    void this.#tell();
    const limit = AbortSignal.timeout(timeoutMs);
    for (const [name, service] of [...services].reverse()) {
      if (name === 'coordinator') continue;
      await service.drain(limit).catch((error: unknown) => {
        logger.error({ error, service: name }, 'the drain failed');
      });
    }
    this.#drained = true;
    logger.info({}, 'drained');
    await this.#tell();
  }

  /** The node's heartbeat says it to all. */
  async #tell(): Promise<void> {
    const { client, subscriber, services, logger, events } = this.#options;
    // What the last sessions did is known before their end is.
    await events.flush();
    const sessions = [...services.values()].reduce((sum, service) => sum + service.sessions, 0);
    const state = { draining: true, drained: this.#drained };
    await client
      .publish({ subscriber, sessions, ...state }, { timeoutMs: TELL_TIMEOUT_MS, routeKey: subscriber })
      .catch((error: unknown) =>
        logger.warn({ error: toStoaError(error) }, 'the coordinator was not told of the drain'),
      );
  }
}
