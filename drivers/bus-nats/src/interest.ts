import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type DriverLogger, StoaError, TOPIC } from '@stoa/plugin-sdk';
import type { NatsConnection } from 'nats';
import { type Address, describeAddress } from './address.ts';
import { dial } from './dial.ts';
import { natsError } from './errors.ts';
import type { Line } from './link.ts';
import type { Settings } from './settings.ts';

/** How long connections to the other servers stay open when nobody needs them, in milliseconds. */
const IDLE_MS = 30_000;

/** A server that takes longer to connect to counts as one that cannot be reached. */
const SCOUT_TIMEOUT_MS = 1500;

const PROBE_MIN_MS = 5;
const PROBE_MAX_MS = 100;

/**
 * Makes sure that every server of the cluster knows what this connection subscribed to.
 *
 * A server answers for itself; the others learn of a subscription over their routes a little later, and drop in silence
 * what is published there until then. Routes keep order, so this subscribes to one more subject, publishes to it at each
 * of the other servers, and waits until that arrives.
 */
export class Interest {
  readonly #settings: Settings;
  readonly #logger: DriverLogger;
  /** By address. */
  readonly #scouts = new Map<string, Promise<Scout>>();
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: Settings, logger: DriverLogger) {
    this.#settings = settings;
    this.#logger = logger;
  }

  /** Resolves when all servers that can be reached know it; rejects with `unavailable` when a message does not get through. */
  async confirm({ connection, address }: Line, servers: readonly Address[], signal: AbortSignal): Promise<void> {
    const key = describeAddress(address);
    const others = servers.filter((server) => describeAddress(server) !== key);
    if (others.length === 0) {
      await connection.flush();
      return;
    }
    const subject = `${this.#settings.prefix}${TOPIC}._probe.${randomUUID()}`;
    const heard = new Set<string>();
    const subscription = connection.subscribe(subject, {
      callback: (_error, message) => heard.add(message.string()),
    });
    clearTimeout(this.#idle);
    try {
      await connection.flush();
      const own = connection.info?.server_id ?? '';
      await Promise.all(others.map((server) => this.#confirmAt(server, own, { subject, heard, through: key, signal })));
    } finally {
      if (!connection.isClosed()) subscription.unsubscribe();
      this.#restLater();
    }
  }

  /** Forgets which servers could not be reached. */
  forget(): void {
    for (const [key, scouting] of this.#scouts) {
      void scouting.then((scout) => {
        if (scout.connection === undefined && this.#scouts.get(key) === scouting) this.#scouts.delete(key);
      });
    }
  }

  /** Closes the connections to the other servers. */
  rest(): void {
    clearTimeout(this.#idle);
    for (const scouting of this.#scouts.values()) void scouting.then((scout) => scout.connection?.close());
    this.#scouts.clear();
  }

  close(): void {
    this.#closed = true;
    this.rest();
  }

  async #confirmAt(server: Address, own: string, { subject, heard, through, signal }: Probe): Promise<void> {
    const { connection, serverId } = await this.#scout(server);
    // One that cannot be reached from here, or is the server of this connection under another address.
    if (connection === undefined || serverId === own) return;
    const { connectTimeout } = this.#settings;
    const deadline = performance.now() + connectTimeout;
    for (let pause = PROBE_MIN_MS; !heard.has(serverId); pause = Math.min(pause * 2, PROBE_MAX_MS)) {
      if (signal.aborted) throw new StoaError('unavailable', 'the connection was closed');
      // It was killed meanwhile; whoever was connected to it is elsewhere now.
      if (connection.isClosed()) return;
      if (performance.now() > deadline) {
        const [from, to] = [describeAddress(server), through];
        throw new StoaError(
          'unavailable',
          `what is published at NATS ${from} does not arrive at ${to}: is it one cluster?`,
        );
      }
      connection.publish(subject, serverId);
      await delay(pause);
    }
  }

  #scout(server: Address): Promise<Scout> {
    const key = describeAddress(server);
    const found = this.#scouts.get(key);
    if (found !== undefined) return found;
    const scouting = this.#open(server);
    this.#scouts.set(key, scouting);
    void scouting.then(({ connection }) => {
      if (this.#scouts.get(key) !== scouting) void connection?.close();
      void connection?.closed().then(() => {
        if (this.#scouts.get(key) === scouting) this.#scouts.delete(key);
      });
    });
    return scouting;
  }

  async #open(server: Address): Promise<Scout> {
    try {
      const connectTimeout = Math.min(this.#settings.connectTimeout, SCOUT_TIMEOUT_MS);
      const connection = await dial({ ...this.#settings, connectTimeout }, server, '-scout');
      return { connection, serverId: connection.info?.server_id ?? '' };
    } catch (error) {
      const place = describeAddress(server);
      this.#logger.warn(
        { server: place, error: natsError(error, place) },
        'a server of the NATS cluster cannot be reached from here; whether its messages arrive is not known',
      );
      return { connection: undefined, serverId: '' };
    }
  }

  #restLater(): void {
    clearTimeout(this.#idle);
    if (this.#closed) return;
    this.#idle = setTimeout(() => this.rest(), IDLE_MS);
    this.#idle.unref();
  }
}

interface Scout {
  readonly connection: NatsConnection | undefined;
  readonly serverId: string;
}

interface Probe {
  readonly subject: string;
  readonly heard: ReadonlySet<string>;
  /** Address of the server that should hear. */
  readonly through: string;
  readonly signal: AbortSignal;
}
