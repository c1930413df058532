import { describe, expect, it, vi } from 'vitest';
import { createInProcessClient } from './in-process.ts';
import * as storage from './storage.ts';
import { whole } from './whole.ts';

const { getQuota, fetchMessages } = storage.MailServiceDefinition.methods;
const definition = {
  name: 'MailService',
  fullName: 'stoa.storage.v1.MailService',
  methods: { getQuota, fetchMessages },
};

describe('responses within one process', () => {
  it('are handed over without a copy when nothing of them is absent', async () => {
    const quota = { usedBytes: 1, limitBytes: 2, messages: 3 };
    const page: storage.FetchMessagesResponse = { messages: [] };
    const client = createInProcessClient(definition, {
      getQuota: async () => whole(quota),
      async *fetchMessages() {
        yield whole(page);
      },
    });
    expect(await client.getQuota({})).toBe(quota);
    for await (const got of client.fetchMessages({})) expect(got).toBe(page);
  });

  it('are filled in when nobody says so', async () => {
    const given = { limitBytes: 2 };
    const client = createInProcessClient(definition, {
      getQuota: async () => given,
      async *fetchMessages() {
        yield {};
      },
    });
    expect(await client.getQuota({})).toEqual({ usedBytes: 0, limitBytes: 2, messages: 0 });
    for await (const got of client.fetchMessages({})) expect(got).toEqual({ messages: [] });
  });
});

describe('a call within one process', () => {
  it('that was given up before it began does not reach the handler', async () => {
    let calls = 0;
    const client = createInProcessClient(definition, {
      async getQuota() {
        calls += 1;
        return {};
      },
      async *fetchMessages() {
        calls += 1;
        yield {};
      },
    });
    const options = { signal: AbortSignal.abort() };
    await expect(client.getQuota({}, options)).rejects.toMatchObject({ code: 'cancelled' });
    const first = client.fetchMessages({}, options)[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ code: 'cancelled' });
    expect(calls).toBe(0);
  });

  it('whose stream was read to its end is not aborted, and one that was left early is', async () => {
    const aborted: boolean[] = [];
    const client = createInProcessClient(definition, {
      getQuota: async () => ({}),
      async *fetchMessages(_request, call) {
        try {
          yield {};
          yield {};
        } finally {
          aborted.push(call.signal.aborted);
        }
      },
    });
    for await (const _ of client.fetchMessages({}));
    for await (const _ of client.fetchMessages({})) break;
    expect(aborted).toEqual([false, true]);
  });

  it('gives nothing more after its end or its error', async () => {
    const client = createInProcessClient(definition, {
      getQuota: async () => ({}),
      // biome-ignore lint/correctness/useYield: it fails at once
      async *fetchMessages() {
        throw new TypeError('a bug');
      },
    });
    const responses = client.fetchMessages({})[Symbol.asyncIterator]();
    await expect(responses.next()).rejects.toMatchObject({ code: 'internal' });
    expect(await responses.next()).toEqual({ done: true, value: undefined });
    expect(await responses.return?.()).toEqual({ done: true, value: undefined });
  });

  it('makes a signal only for a handler that asks for one', async () => {
    const made = vi.spyOn(globalThis, 'AbortController');
    try {
      const client = createInProcessClient(definition, {
        getQuota: async () => ({}),
        async *fetchMessages() {
          yield {};
        },
      });
      await client.getQuota({});
      for await (const _ of client.fetchMessages({}));
      expect(made).not.toHaveBeenCalled();
    } finally {
      made.mockRestore();
    }
  });
});
