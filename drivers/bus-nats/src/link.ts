import { type DriverLogger, StoaError } from '@stoa/plugin-sdk';
import { DebugEvents, Events, type NatsConnection, type ServersChanged, type Status } from 'nats';
import { type Address, describeAddress, withDiscovered } from './address.ts';
import { backOff } from './back-off.ts';
import { dial } from './dial.ts';
import { natsError } from './errors.ts';
import { describePlace, type Settings } from './settings.ts';

/** A connection, and the server at its end. */
export interface Line {
  readonly connection: NatsConnection;
  readonly address: Address;
}

export interface LinkEvents {
  onUp(line: Line): void;
  onDown(reason: string): void;
  /** Servers of the cluster came or went, so messages between them may be lost. */
  onClusterChange(reason: string): void;
  /** The server refused what was published to a subject. */
  onRefused(subject: string): void;
}

/** The connection to one of the servers, made anew on the next one whenever it is lost; for ever, until `close`. */
export class Link {
  readonly #settings: Settings;
  readonly #logger: DriverLogger;
  readonly #events: LinkEvents;
  /** In the order in which they are tried; the one in use, or used last, stands last. */
  #servers: Address[];
  #line: Line | undefined;
  #failure: StoaError;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  #closed = false;

  constructor(settings: Settings, logger: DriverLogger, events: LinkEvents) {
    this.#settings = settings;
    this.#logger = logger;
    this.#events = events;
    this.#servers = shuffled(settings.servers);
    this.#failure = new StoaError('unavailable', `${describePlace(settings)}: not connected`);
  }

  get current(): Line | undefined {
    return this.#line;
  }

  /** Why there is no connection. */
  get failure(): StoaError {
    return new StoaError('unavailable', this.#failure.message, { cause: this.#failure });
  }

  /** The servers of the cluster as far as they are known. */
  get servers(): readonly Address[] {
    return this.#servers;
  }

  /** Tries every server once. Rejects with what is wrong with the configuration, if it is that, else with `unavailable`. */
  async open(): Promise<void> {
    const failures: StoaError[] = [];
    for (const address of this.#servers) {
      if (this.#closed) break;
      try {
        this.#use(await this.#dial(address));
        return;
      } catch (error) {
        failures.push(natsError(error, describePlace(this.#settings)));
      }
    }
    throw failures.find(({ retryable }) => !retryable) ?? failures[0] ?? this.#failure;
  }

  /**
   * Gives up this connection, if it is still the current one, and makes another after the pause (ms): all nodes lose a
   * server at the same moment, and come to the next one a little apart.
   */
  drop(line: Line, reason: string, pauseMs = Math.random() * this.#settings.reconnectMin): void {
    if (this.#line !== line) return;
    this.#line = undefined;
    void line.connection.close();
    if (this.#closed) return;
    const server = describeAddress(line.address);
    this.#failure = new StoaError('unavailable', `NATS at ${server}: ${reason}`);
    this.#logger.warn({ server, reason }, 'the connection to NATS is lost');
    this.#events.onDown(reason);
    this.#schedule(pauseMs);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    const line = this.#line;
    this.#line = undefined;
    await line?.connection.close();
  }

  async #dial(address: Address): Promise<Line> {
    return { connection: await dial(this.#settings, address), address };
  }

  #use(line: Line): void {
    if (this.#closed) {
      void line.connection.close();
      return;
    }
    const server = describeAddress(line.address);
    if (this.#attempt > 0) this.#logger.info({ server }, 'connected to NATS again');
    this.#attempt = 0;
    this.#line = line;
    this.#learn(line);
    void this.#watch(line);
    void line.connection.closed().then((error) => {
      this.drop(line, error instanceof Error ? error.message : 'the connection was closed');
    });
    this.#events.onUp(line);
  }

  /** The servers to try when this one is lost: itself last. */
  #learn({ connection, address }: Line): void {
    const urls = this.#settings.discover ? (connection.info?.connect_urls ?? []) : [];
    const all = withDiscovered(this.#settings.servers, urls, address);
    const key = describeAddress(address);
    const others = shuffled(all.filter((other) => describeAddress(other) !== key));
    this.#servers = [...others, address];
  }

  async #watch(line: Line): Promise<void> {
    for await (const status of line.connection.status()) {
      if (this.#line !== line) return;
      this.#hear(line, status);
    }
  }

  #hear(line: Line, status: Status): void {
    switch (status.type) {
      case DebugEvents.StaleConnection:
        // The client would wait until its last octets are written, which a peer that is gone never takes.
        this.drop(line, 'the server does not answer any more');
        break;
      case Events.LDM:
        this.drop(line, 'the server is shut down');
        break;
      case Events.Update: {
        const { added = [], deleted = [] } = status.data as Partial<ServersChanged>;
        if (added.length + deleted.length === 0) break;
        this.#learn(line);
        this.#logger.info({ added, deleted }, 'servers of the NATS cluster came or went');
        this.#events.onClusterChange('servers of the NATS cluster came or went');
        break;
      }
      case Events.Error: {
        const { operation, subject } = status.permissionContext ?? {};
        this.#logger.error({ reason: status.data, operation, subject }, 'the NATS server refused something');
        if (operation === 'publish' && subject !== undefined) this.#events.onRefused(subject);
        // Only a new connection tells whether it is allowed again.
        if (operation === 'subscription')
          this.drop(line, `no permission to subscribe to ${subject}`, this.#settings.reconnectMax);
        break;
      }
    }
  }

  #schedule(pauseMs: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#reopen(), pauseMs);
  }

  async #reopen(): Promise<void> {
    this.#attempt += 1;
    try {
      await this.open();
    } catch (error) {
      if (this.#closed) return;
      this.#failure = natsError(error, describePlace(this.#settings));
      if (this.#attempt === 1) this.#logger.warn({ error: this.#failure }, 'NATS cannot be reached and is tried again');
      this.#schedule(backOff(this.#attempt, this.#settings));
    }
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  const rest = [...items];
  const out: T[] = [];
  while (rest.length > 0) out.push(...rest.splice(Math.floor(Math.random() * rest.length), 1));
  return out;
}
