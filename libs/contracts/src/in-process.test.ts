import { describe, expect, it } from 'vitest';
import { createInProcessClient, whole } from './in-process.ts';
import * as storage from './storage.ts';

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
