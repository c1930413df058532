import { connect, createServer, type Socket } from 'node:net';
import { credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { StoaError } from '@stoa/plugin-sdk';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Balancer } from './balancer.ts';
import { createChannel, createGrpcClient } from './grpc-client.ts';
import { serveContract } from './grpc-server.ts';
import { createInProcessClient } from './in-process.ts';
import { Line } from './line/line.ts';
import { LineServer } from './line/line-server.ts';
import type { Client, Implementation, MethodDefinition, ServerCall } from './rpc.ts';
import * as storage from './storage.ts';

type Mail = typeof storage.MailServiceDefinition;
type Methods = Pick<Mail['methods'], 'getQuota' | 'openMailbox' | 'deliver'>;
/** One method for each of the four kinds of call. */
const definition = {
  name: 'MailService',
  fullName: 'stoa.storage.v1.MailService',
  methods: {
    getQuota: storage.MailServiceDefinition.methods.getQuota,
    openMailbox: storage.MailServiceDefinition.methods.openMailbox,
    deliver: storage.MailServiceDefinition.methods.deliver,
    echo: {
      name: 'Echo',
      requestType: storage.MailServiceDefinition.methods.deliver.requestType,
      requestStream: true,
      responseType: storage.MailServiceDefinition.methods.deliver.requestType,
      responseStream: true,
    },
  },
} as const satisfies { methods: Methods & { echo: MethodDefinition }; name: string; fullName: string };

const seen = { produced: 0, aborted: 0, ended: 0, whole: 0, broken: [] as unknown[] };
let onBroken: () => void = () => {};
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
        if (request.accountId === 'one' && i === 1) return;
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
    try {
      for await (const request of requests) {
        if (request.part?.$case === 'data') octets += request.part.value.length;
        if (octets > 1_000_000) throw new StoaError('too-large', 'enough');
        if (octets === 1) return { queueId: 'early' };
        if (octets === 2) await gate.promise;
      }
    } catch (error) {
      seen.broken.push(error);
      onBroken();
      throw error;
    }
    seen.whole += 1;
    return { queueId: String(octets) };
  },
  async *echo(requests) {
    let count = 0;
    for await (const request of requests) {
      yield request;
      count += 1;
      if (request.part?.$case === 'data' && request.part.value.length === 1) break;
    }
    yield { part: { $case: 'data' as const, value: new Uint8Array(count) } };
  },
};

/** Opened by a test that holds a handler back. */
let gate = Promise.withResolvers<void>();

const data = (octets: number) => ({ part: { $case: 'data' as const, value: new Uint8Array(octets) } });

async function* body(chunks: number, octets: number) {
  for (let i = 0; i < chunks; i++) yield data(octets);
}

/** A server of the contract, which is called by itself or on lines. */
async function startServer(options: {
  withLines: boolean;
}): Promise<{ server: Server; port: number; lines: LineServer }> {
  const server = new Server();
  const lines = new LineServer();
  const served = serveContract(definition, implementation);
  server.addService(served.definition, served.handlers);
  lines.add(served);
  if (options.withLines) server.addService(lines.definition, lines.handlers);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { server, port, lines };
}

let server: Server;
let port: number;

beforeAll(async () => {
  ({ server, port } = await startServer({ withLines: true }));
});

afterAll(() => server.forceShutdown());

interface Reached {
  client: Client<typeof definition>;
  close: () => void;
}

/** A client whose calls go on a line that stands. */
async function onLine(address: string): Promise<Reached & { line: Line }> {
  const channel = createChannel(address, credentials.createInsecure());
  const line = new Line(channel);
  const client = createGrpcClient(definition, channel, { line });
  await vi.waitUntil(() => line.current());
  return {
    client,
    line,
    close: () => {
      line.close();
      channel.close();
    },
  };
}

const shapes: [string, () => Reached | Promise<Reached>][] = [
  ['in-process', () => ({ client: createInProcessClient(definition, implementation), close: () => {} })],
  [
    'grpc',
    () => {
      const channel = createChannel(`127.0.0.1:${port}`, credentials.createInsecure());
      return { client: createGrpcClient(definition, channel), close: () => channel.close() };
    },
  ],
  ['line', () => onLine(`127.0.0.1:${port}`)],
  [
    'balanced',
    () => {
      const channels = ['127.0.0.1:1', `127.0.0.1:${port}`].map((name) => ({
        name,
        channel: createChannel(name, credentials.createInsecure()),
      }));
      const endpoints = channels.map(({ name, channel }) => ({ name, client: createGrpcClient(definition, channel) }));
      return {
        client: new Balancer(definition, endpoints).client,
        close: () => {
          for (const { channel } of channels) channel.close();
        },
      };
    },
  ],
];

describe.each(shapes)('a client over the %s channel', (_shape, make) => {
  let client: Client<typeof definition>;
  let close: () => void;
  beforeAll(async () => {
    ({ client, close } = await make());
  });
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

  it('bears any number of consumers that stop shortly before the end', async () => {
    for (let i = 0; i < 1200; i++) for await (const _ of client.openMailbox({ accountId: 'one' })) break;
    expect((await client.getQuota({ accountId: 'x' })).limitBytes).toBe(7);
  });

  it('streams requests', async () => {
    expect((await client.deliver(body(10, 1000))).queueId).toBe('10000');
  });

  it('reports an error that comes while requests are still sent', async () => {
    const error = await client.deliver(body(1000, 64 * 1024)).catch((e) => e);
    expect(error).toMatchObject({ code: 'too-large' });
  });

  it('takes no more from the source of requests than the handler takes', async () => {
    gate = Promise.withResolvers();
    let taken = 0;
    let before = -1;
    const source = (async function* () {
      yield data(2);
      for (; taken < 5000; taken++) yield data(64 * 1024);
    })();
    const result = client.deliver(source).catch((e) => e);
    // The handler waits: what the connection holds fills up, then the source rests.
    const rests = () => {
      const still = taken === before;
      before = taken;
      return still;
    };
    await expect.poll(rests, { interval: 100, timeout: 10_000 }).toBe(true);
    expect(taken).toBeLessThan(400);
    gate.resolve();
    expect(await result).toMatchObject({ code: 'too-large' });
  });

  it('closes the source of requests when the call ends before it, though the source is waiting', async () => {
    const closed = Promise.withResolvers<void>();
    let given = false;
    const source: AsyncIterable<ReturnType<typeof data>> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          if (given) return new Promise(() => {});
          given = true;
          return Promise.resolve({ done: false, value: data(1) });
        },
        return: async () => {
          closed.resolve();
          return { done: true, value: undefined };
        },
      }),
    };
    expect((await client.deliver(source)).queueId).toBe('early');
    await closed.promise;
  });

  it('never lets a handler take a request stream that broke off for a whole one', async () => {
    const before = seen.whole;
    for (let round = 0; round < 20; round++) {
      const controller = new AbortController();
      const broken = new Promise<void>((resolve) => {
        onBroken = resolve;
      });
      const source = (async function* () {
        yield* body(1 + (round % 7), 5000);
        if (round % 2 === 0) controller.abort();
        else if (round % 3 === 0) throw AbortSignal.abort().reason;
        else throw new StoaError('data-loss', 'the source broke');
        await new Promise(() => {});
      })();
      const error = await client.deliver(source, { signal: controller.signal }).catch((e) => e);
      expect(error.code).toBe(round % 2 === 0 || round % 3 === 0 ? 'cancelled' : 'data-loss');
      // When the call never reached the handler there is nothing to see there.
      await Promise.race([broken, new Promise((resolve) => setTimeout(resolve, 50))]);
    }
    expect(seen.whole).toBe(before);
    expect(seen.broken.every((error) => (error as { name: string }).name === 'StoaError')).toBe(true);
  });

  it('carries both directions at once, and what is said after the handler stopped reading', async () => {
    const sizes: number[] = [];
    const source = (async function* () {
      yield* body(3, 10);
      yield* body(1, 1);
      yield* body(3, 10);
    })();
    for await (const response of client.echo(source)) {
      if (response.part?.$case === 'data') sizes.push(response.part.value.length);
    }
    expect(sizes).toEqual([10, 10, 10, 1, 4]);
  });

  it('shows messages as the other channels do, whatever was left out', async () => {
    const local = createInProcessClient(definition, implementation);
    const echoed = async (through: Client<typeof definition>, messages: readonly object[]) => {
      const heard: unknown[] = [];
      const source = (async function* () {
        for (const value of messages) yield { part: { $case: 'envelope' as const, value } };
        yield {};
        yield data(3);
        yield {};
      })();
      for await (const response of through.echo(source)) heard.push(response);
      return heard;
    };
    const recipient = fc.record({ address: fc.string(), notify: fc.nat() }, { requiredKeys: [] });
    const envelope = fc.record(
      {
        sender: fc.string({ unit: 'grapheme' }),
        recipients: fc.array(recipient),
        size: fc.maxSafeNat(),
        smtputf8: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(envelope, { maxLength: 5 }), async (messages) => {
        const heard = await echoed(client, messages);
        expect(heard).toStrictEqual(await echoed(local, messages));
        expect(heard).toHaveLength(messages.length + 4);
      }),
      { numRuns: 40 },
    );
  });

  it('ends a stream at its deadline', async () => {
    const aborted = new Promise<void>((resolve) => {
      abortedOnce = resolve;
    });
    const responses = client.openMailbox({ accountId: 'wait' }, { timeoutMs: 50 })[Symbol.asyncIterator]();
    await responses.next();
    const next = responses.next();
    next.catch(() => {});
    await aborted;
    expect(await next.catch((e) => e)).toMatchObject({ code: 'deadline-exceeded' });
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

describe('a server that goes away during a call', () => {
  /** A server of its own, reached through a relay whose connections can be cut. */
  async function reach(lined: boolean) {
    const { server: own, port: target } = await startServer({ withLines: lined });
    const sockets = new Set<Socket>();
    const relay = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => to.destroy());
        from.pipe(to);
      }
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(relay.address() as { port: number }).port}`;
    const channel = createChannel(address, credentials.createInsecure());
    const reached: Reached = lined
      ? await onLine(address)
      : { client: createGrpcClient(definition, channel), close: () => channel.close() };
    return {
      client: reached.client,
      cut: () => {
        for (const socket of sockets) socket.destroy();
      },
      shutdown: () => own.forceShutdown(),
      close: () => {
        reached.close();
        relay.close();
        own.forceShutdown();
      },
    };
  }

  it.each([
    ['cut', false],
    ['shutdown', false],
    ['cut', true],
    ['shutdown', true],
  ] as const)('is unavailable, and may be asked again (%s, on a line: %s)', async (how, lined) => {
    const there = await reach(lined);
    const responses = there.client.openMailbox({ accountId: 'wait' })[Symbol.asyncIterator]();
    await responses.next();
    const whole = seen.whole;
    const held = Promise.withResolvers<void>();
    const source = (async function* () {
      yield* body(3, 100);
      await held.promise;
    })();
    const broken = new Promise<void>((resolve) => {
      onBroken = resolve;
    });
    const calls = [responses.next(), there.client.getQuota({ accountId: 'wait' }), there.client.deliver(source)];
    // The uploads and questions are on their way when another call has been answered.
    await there.client.getQuota({});
    there[how]();
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'unavailable', retryable: true } });
    }
    await broken;
    held.resolve();
    expect(seen.whole).toBe(whole);
    there.close();
  });
});
