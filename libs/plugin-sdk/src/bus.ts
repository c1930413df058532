import type { CallOptions, Driver } from './call.ts';

/** Prefix of every topic of Stoa. Drivers may add what their technology needs. */
export const TOPIC = 'stwt.agora';

export const MAX_BUS_PAYLOAD_BYTES = 256 * 1024;

export interface BusListener {
  message(payload: Uint8Array): void;
  /** Messages may have been lost, or may be lost until `connected` is called again. */
  gap(reason: string): void;
  /** The subscription stands: every message published from now on is seen, until the next `gap`. */
  connected(): void;
}

export interface BusSubscription {
  /** Afterwards the listener is not called any more. */
  close(): Promise<void>;
}

/**
 * Publishes bytes to every subscriber of a topic, in every process that is connected to the same bus.
 *
 * Messages of one publisher arrive in order, each at most once. Delivery may fail, but not in silence: a driver that
 * cannot exclude a loss calls `gap`. The first `connected` comes before `subscribe` resolves.
 */
export interface Bus extends Driver {
  /** Resolves when the bus took the message; rejects with `unavailable` else. */
  publish(topic: string, payload: Uint8Array, options?: CallOptions): Promise<void>;
  subscribe(topic: string, listener: BusListener, options?: CallOptions): Promise<BusSubscription>;
}

export interface BusCapabilities {
  readonly shared: 'process' | 'host' | 'network';
}
