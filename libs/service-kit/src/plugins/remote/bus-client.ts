import { type Client, plugin } from '@stoa/contracts';
import { type Bus, type BusListener, type BusSubscription, type CallOptions, toStoaError } from '@stoa/plugin-sdk';
import { Backoff } from '../../backoff.ts';
import type { RemoteConnection } from './connection.ts';

/** A bus that another process serves. */
export class RemoteBus implements Bus {
  readonly #connection: RemoteConnection;
  readonly #client: Client<typeof plugin.bus.BusServiceDefinition>;

  constructor(connection: RemoteConnection) {
    this.#connection = connection;
    this.#client = connection.client(plugin.bus.BusServiceDefinition);
  }

  publish(topic: string, payload: Uint8Array, options?: CallOptions): Promise<void> {
    return this.#connection.call(async () => {
      await this.#client.publish({ topic, payload }, { signal: options?.signal });
    }, options);
  }

  async subscribe(topic: string, listener: BusListener, options?: CallOptions): Promise<BusSubscription> {
    const closing = new AbortController();
    const { signal } = closing;
    const onDriverClose = () => closing.abort();
    this.#connection.closing.signal.addEventListener('abort', onDriverClose, { once: true });
    const stands = Promise.withResolvers<void>();
    stands.promise.catch(() => {});
    const running = this.#keepListening(topic, listener, signal, stands).finally(() =>
      this.#connection.closing.signal.removeEventListener('abort', onDriverClose),
    );
    const onGivenUp = () => closing.abort();
    options?.signal?.addEventListener('abort', onGivenUp, { once: true });
    try {
      await this.#connection.call(() => stands.promise, options);
    } catch (error) {
      closing.abort();
      throw error;
    } finally {
      options?.signal?.removeEventListener('abort', onGivenUp);
    }
    return {
      async close() {
        closing.abort();
        await running;
      },
    };
  }

  check(): Promise<void> {
    return this.#connection.check();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Listens until `signal` aborts. `stands` settles with the first attempt; after a success it tries again and again. */
  async #keepListening(
    topic: string,
    listener: BusListener,
    signal: AbortSignal,
    stands: PromiseWithResolvers<void>,
  ): Promise<void> {
    const backoff = new Backoff({ minMs: 50, maxMs: 2_000 });
    let stood = false;
    let connected = false;
    while (!signal.aborted) {
      let reason = 'the driver ended the subscription';
      try {
        const items = this.#connection.iterate(
          () => this.#client.subscribe({ topic }, { signal, timeoutMs: Number.POSITIVE_INFINITY }),
          { signal },
        );
        for await (const { item } of items) {
          if (signal.aborted) return;
          if (item?.$case === 'ready') {
            [stood, connected] = [true, true];
            backoff.reset();
            notify(() => listener.connected());
            stands.resolve();
          } else if (item?.$case === 'gap') notify(() => listener.gap(item.value.reason));
          else if (item?.$case === 'payload') notify(() => listener.message(item.value));
        }
      } catch (error) {
        if (!stood) return stands.reject(error);
        reason = `the driver cannot be reached: ${toStoaError(error).code}`;
      }
      if (signal.aborted) break;
      if (connected) notify(() => listener.gap(reason));
      connected = false;
      await backoff.wait(signal);
    }
    stands.reject(signal.reason);
  }
}

/** What a listener throws is its own affair. */
function notify(run: () => void): void {
  try {
    run();
  } catch {
    // The next message is told all the same.
  }
}
