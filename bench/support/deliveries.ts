import type { BlobStore, DataStore } from '@stoa/plugin-sdk';
import { messageStructure } from '../../services/store-router/src/mail/message-text.ts';
import { deliverTo, newAccount, type TestRouter, testRouter } from '../../services/store-router/test/support/router.ts';
import { percentile } from '../framework/statistics.ts';
import { newMessage } from './message.ts';

export interface Rates {
  /** Deliveries a second that were acknowledged. */
  rate: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

/** A store-router in this process on given stores, with accounts to deliver to. */
export class DeliveryTarget {
  readonly #router: TestRouter;
  readonly #accounts: string[] = [];
  #next = 0;

  private constructor(router: TestRouter) {
    this.#router = router;
  }

  static async create(data: DataStore, blobs: BlobStore, accounts = 100): Promise<DeliveryTarget> {
    const target = new DeliveryTarget(testRouter({ data, blobs, newStructure: messageStructure }));
    for (let i = 0; i < accounts; i++) target.#accounts.push(await newAccount(target.#router));
    return target;
  }

  /** One delivery, acknowledged when it is durable. */
  async deliver(octets: number): Promise<void> {
    const i = this.#next++;
    const account = this.#accounts[i % this.#accounts.length] as string;
    await deliverTo(this.#router, account, newMessage(octets), { key: `key ${i}` });
  }

  /** So many writers, each of which delivers again as soon as it is answered. */
  async measure(writers: number, ms: number, octets: (n: number) => number): Promise<Rates> {
    const times: number[] = [];
    const begin = performance.now();
    const end = begin + ms;
    const writer = async () => {
      while (performance.now() < end) {
        const start = performance.now();
        await this.deliver(octets(times.length));
        times.push(performance.now() - start);
      }
    };
    await Promise.all(Array.from({ length: writers }, writer));
    const seconds = (performance.now() - begin) / 1000;
    return { rate: times.length / seconds, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
  }
}
