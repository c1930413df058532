import { type Bus, type BusListener, type BusSubscription, type CallOptions, throwIfCancelled } from '@stoa/plugin-sdk';
import type { Config } from './config.ts';

interface Member {
  topic: string;
  listener: BusListener;
}

const channels = new Map<string, Set<Member>>();

class NatsBus implements Bus {
  readonly #members: Set<Member>;
  readonly #own = new Set<Member>();

  constructor(members: Set<Member>) {
    this.#members = members;
  }

  async publish(topic: string, payload: Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    for (const member of [...this.#members]) {
      if (member.topic !== topic) continue;
      const copy = new Uint8Array(payload);
      // Never within publish, and one listener's failure is no other's.
      setImmediate(() => {
        if (!this.#members.has(member)) return;
        try {
          member.listener.message(copy);
        } catch {
          // A listener must not throw; that it did is for it to report.
        }
      });
    }
  }

  async subscribe(topic: string, listener: BusListener, { signal }: CallOptions = {}): Promise<BusSubscription> {
    throwIfCancelled(signal);
    const member = { topic, listener };
    this.#members.add(member);
    this.#own.add(member);
    listener.connected();
    return {
      close: async () => {
        this.#members.delete(member);
        this.#own.delete(member);
      },
    };
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {
    for (const member of this.#own) this.#members.delete(member);
    this.#own.clear();
  }
}

export function openNatsBus({ name }: Config): Bus {
  const members = channels.get(name) ?? new Set<Member>();
  channels.set(name, members);
  return new NatsBus(members);
}
