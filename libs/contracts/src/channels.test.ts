import { credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { StoaError } from '@stoa/plugin-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChannel, createGrpcClient } from './grpc-client.ts';
import { serveContract } from './grpc-server.ts';
import { createInProcessClient } from './in-process.ts';
import type { Client, Implementation, ServerCall } from './rpc.ts';
import * as storage from './storage.ts';

type Mail = typeof storage.MailServiceDefinition;
type Methods = Pick<Mail['methods'], 'getQuota' | 'openMailbox' | 'deliver'>;
/** Three methods stand for the kinds of call that the contracts have. */
const definition = {
  name: 'MailService',
  fullName: 'stoa.storage.v1.MailService',
  methods: {
    getQuota: storage.MailServiceDefinition.methods.getQuota,
    openMailbox: storage.MailServiceDefinition.methods.openMailbox,
    deliver: storage.MailServiceDefinition.methods.deliver,
  },
} as const satisfies { methods: Methods; name: string; fullName: string };

const seen = { produced: 0, aborted: 0, ended: 0 };
let abortedOnce: () => void = () => {};

const untilAborted = (call: ServerCall) =>
  new Promise<never>((_, reject) => {
    call.signal.addEventListener('abort', () => {
      seen.aborted += 1;
      abortedOnce();
      reject(call.signal.reason);
    });
  });

const implementation: Implementation<typeof definition> = {
  async getQuota(request, call) {
    if (request.accountId === 'wait') return untilAborted(call);
    if (request.accountId === 'stoa')
      throw new StoaError('over-quota', 'too much', { retryable: false, cause: new Error('secret') });
    if (request.accountId === 'bug') throw new TypeError('secret');
    return { limitBytes: 7 };
  },
  async *openMailbox(request, call) {
    try {
      if (request.accountId === 'fail') {
        yield { part: { $case: 'state' as const, value: { name: 'first' } } };
        throw new StoaError('not-found', 'gone');
      }
      for (let i = 0; ; i++) {
        if (request.accountId === 'three' && i === 3) return;
        if (request.accountId === 'wait' && i === 1) await untilAborted(call);
        seen.produced += 1;
        yield { part: { $case: 'chunks' as const, value: { packed: [new Uint8Array(64 * 1024)] } } };
      }
    } finally {
      seen.ended += 1;
    }
  },
  async deliver(requests) {
    let octets = 0;
    for await (const request of requests) {
      if (request.part?.$case === 'data') octets += request.part.value.length;
      if (octets > 1_000_000) throw new StoaError('too-large', 'enough');
    }
    return { queueId: String(octets) };
  },
};

async function* body(chunks: number, octets: number) {
  for (let i = 0; i < chunks; i++) yield { part: { $case: 'data' as const, value: new Uint8Array(octets) } };
}

let server: Server;
let port: number;

beforeAll(async () => {
  server = new Server();
  const served = serveContract(definition, implementation);
  server.addService(served.definition, served.handlers);
  port = await new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
});

afterAll(() => server.forceShutdown());

const shapes: [string, () => { client: Client<typeof definition>; close: () => void }][] = [
  ['in-process', () => ({ client: createInProcessClient(definition, implementation), close: () => {} })],
  [
    'grpc',
    () => {
      const channel = createChannel(`127.0.0.1:${port}`, credentials.createInsecure());
      return { client: createGrpcClient(definition, channel), close: () => channel.close() };
    },
  ],
];

describe.each(shapes)('a client over the %s channel', (_shape, make) => {
  let client: Client<typeof definition>;
  let close: () => void;
  beforeAll(() => ({ client, close } = make()));
  afterAll(() => close());

  it('fills in absent fields of responses', async () => {
    expect(await client.getQuota({})).toEqual({ usedBytes: 0, limitBytes: 7, messages: 0 });
  });

  it('carries code and retryability of an error, not its cause', async () => {
    const error = await client.getQuota({ accountId: 'stoa' }).catch((e) => e);
    expect(error).toMatchObject({ name: 'StoaError', code: 'over-quota', retryable: false, message: 'too much' });
  });

  it('turns a bug into `internal`', async () => {
    expect(await client.getQuota({ accountId: 'bug' }).catch((e) => e)).toMatchObject({
      code: 'internal',
      retryable: false,
    });
  });

  it('ends a call at its deadline and tells the implementation', async () => {
    const aborted = new Promise<void>((resolve) => {
      abortedOnce = resolve;
    });
    const error = await client.getQuota({ accountId: 'wait' }, { timeoutMs: 50 }).catch((e) => e);
    expect(error).toMatchObject({ code: 'deadline-exceeded', retryable: true });
    await aborted;
  });

  it('ends a call when the caller gives up', async () => {
    const controller = new AbortController();
    const aborted = new Promise<void>((resolve) => {
      abortedOnce = resolve;
    });
    const first = client.openMailbox({ accountId: 'wait' }, { signal: controller.signal })[Symbol.asyncIterator]();
    await first.next();
    const second = first.next();
    controller.abort();
    expect(await second.catch((e) => e)).toMatchObject({ code: 'cancelled' });
    await aborted;
  });

  it('does not start a call that was given up before', async () => {
    const error = await client.getQuota({}, { signal: AbortSignal.abort() }).catch((e) => e);
    expect(error).toMatchObject({ code: 'cancelled' });
  });

  it('streams responses to their end', async () => {
    let octets = 0;
    for await (const response of client.openMailbox({ accountId: 'three' })) {
      if (response.part?.$case === 'chunks') octets += response.part.value.packed[0]!.length;
    }
    expect(octets).toBe(3 * 64 * 1024);
  });

  it('gives what came before an error in a stream, then the error', async () => {
    const names: string[] = [];
    const error = await (async () => {
      for await (const response of client.openMailbox({ accountId: 'fail' })) {
        if (response.part?.$case === 'state') names.push(response.part.value.name);
      }
    })().catch((e) => e);
    expect(names).toEqual(['first']);
    expect(error).toMatchObject({ code: 'not-found', message: 'gone' });
  });

  it('stops a producer when the consumer stops, and never lets it run far ahead', async () => {
    const before = { ...seen };
    for await (const _ of client.openMailbox({ accountId: 'endless' })) break;
    await expect.poll(() => seen.ended).toBe(before.ended + 1);
    // 64 KiB a message: the windows of the connection hold some megabytes, no more.
    expect(seen.produced - before.produced).toBeLessThan(400);
  });

  it('streams requests', async () => {
    expect((await client.deliver(body(10, 1000))).queueId).toBe('10000');
  });

  it('reports an error that comes while requests are still sent', async () => {
    const error = await client.deliver(body(1000, 64 * 1024)).catch((e) => e);
    expect(error).toMatchObject({ code: 'too-large' });
  });

  it('fails with the error of the request stream', async () => {
    const broken = (async function* () {
      yield* body(1, 10);
      throw new StoaError('data-loss', 'the source broke');
    })();
    expect(await client.deliver(broken).catch((e) => e)).toMatchObject({ code: 'data-loss' });
  });
});

it('a call to nobody is unavailable and may be retried', async () => {
  const channel = createChannel('127.0.0.1:1', credentials.createInsecure());
  const error = await createGrpcClient(definition, channel)
    .getQuota({})
    .catch((e) => e);
  expect(error).toMatchObject({ code: 'unavailable', retryable: true });
  channel.close();
});
