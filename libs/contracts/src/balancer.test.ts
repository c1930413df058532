import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { Balancer, type Endpoint } from './balancer.ts';
import { createInProcessClient } from './in-process.ts';
import * as storage from './storage.ts';

const definition = {
  name: 'MailService',
  fullName: 'stoa.storage.v1.MailService',
  methods: {
    getQuota: storage.MailServiceDefinition.methods.getQuota,
    deliver: storage.MailServiceDefinition.methods.deliver,
  },
} as const;

function endpoint(name: string, state: { down: boolean; calls: string[] }): Endpoint<typeof definition> {
  const check = () => {
    state.calls.push(name);
    if (state.down) throw new StoaError('unavailable', `${name} is down`);
  };
  return {
    name,
    client: createInProcessClient(definition, {
      getQuota: async () => {
        check();
        return {};
      },
      deliver: async (requests) => {
        let count = 0;
        for await (const _ of requests) {
          count += 1;
          if (count === 1) check();
        }
        return { queueId: `${name}:${count}` };
      },
    }),
  };
}

function cluster(count: number) {
  const calls: string[] = [];
  const states = Array.from({ length: count }, () => ({ down: false, calls }));
  const clock = { now: 0 };
  const balancer = new Balancer(
    definition,
    states.map((state, i) => endpoint(`n${i}`, state)),
    { now: () => clock.now },
  );
  return { balancer, states, calls, clock };
}

describe('Balancer', () => {
  it('sends a key to the same instance, and spreads keys', async () => {
    const { balancer, calls } = cluster(3);
    for (let i = 0; i < 60; i++)
      for (let twice = 0; twice < 2; twice++) await balancer.client.getQuota({}, { routeKey: `account${i}` });
    for (let i = 0; i < 120; i += 2) expect(calls[i]).toBe(calls[i + 1]);
    expect(new Set(calls).size).toBe(3);
  });

  it('moves only the keys of an instance that is gone, and moves them back', async () => {
    const { balancer, states, calls, clock } = cluster(3);
    const homes = async () => {
      calls.length = 0;
      const found: string[] = [];
      for (let i = 0; i < 30; i++) {
        await balancer.client.getQuota({}, { routeKey: `account${i}` });
        found.push(calls.at(-1) as string);
      }
      return found;
    };
    const before = await homes();
    states[1]!.down = true;
    const during = await homes();
    before.forEach((home, i) => {
      if (home === 'n1') expect(during[i]).not.toBe('n1');
      else expect(during[i]).toBe(home);
    });
    // Ejected: asked once, not for every call.
    expect(calls.filter((name) => name === 'n1')).toHaveLength(1);
    states[1]!.down = false;
    clock.now += 10_000;
    expect(await homes()).toEqual(before);
  });

  it('is unavailable when all are', async () => {
    const { balancer, states } = cluster(2);
    for (const state of states) state.down = true;
    expect(await balancer.client.getQuota({}).catch((e) => e)).toMatchObject({ code: 'unavailable', retryable: true });
  });

  it('sends a request stream elsewhere as long as only its first request was taken', async () => {
    const { balancer, states } = cluster(2);
    const envelope = { part: { $case: 'envelope' as const, value: {} } };
    const requests = () =>
      (async function* () {
        yield envelope;
        yield envelope;
      })();
    for (const state of states) {
      state.down = true;
      expect((await balancer.client.deliver(requests())).queueId).toMatch(/:2$/);
      state.down = false;
    }
  });

  it('leaves out an instance whose connection does not stand, unless there is no other', async () => {
    const calls: string[] = [];
    const usable = { a: false, b: true };
    const endpoints = (['a', 'b'] as const).map((name) => ({
      ...endpoint(name, { down: false, calls }),
      usable: () => usable[name],
    }));
    const { client } = new Balancer(definition, endpoints);
    for (let i = 0; i < 4; i++) await client.getQuota({ accountId: 'x' });
    expect(calls).toEqual(['b', 'b', 'b', 'b']);
    usable.b = false;
    await client.getQuota({ accountId: 'x' });
    expect(calls).toHaveLength(5);
  });
});
