import { credentials, type Client as GrpcClient, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Frame, LineServiceDefinition, OpenRequest, OpenResponse } from '../gen/stoa/rpc/v1/line.ts';
import { createChannel, createGrpcClient } from '../grpc-client.ts';
import { grpcMethod } from '../grpc-definition.ts';
import { serveContract } from '../grpc-server.ts';
import { MAX_MESSAGE_BYTES, MAX_TRANSPORT_BYTES } from '../limits.ts';
import type { Client, Implementation } from '../rpc.ts';
import * as storage from '../storage.ts';
import { frameOf, INITIAL_CREDIT } from './frames.ts';
import { Line } from './line.ts';
import { LineServer } from './line-server.ts';

const { getQuota, deliver } = storage.MailServiceDefinition.methods;
const definition = { ...storage.MailServiceDefinition, methods: { getQuota, deliver } };
const DELIVER = `/${definition.fullName}/Deliver`;

const undo: (() => void)[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const step of undo.splice(0).reverse()) step();
});

/** Answers quotas, those of "held" when the test says so; takes messages as fast as they come, or not at all. */
class Handlers implements Implementation<typeof definition> {
  readonly held = Promise.withResolvers<void>();
  asked = 0;
  outcome: Promise<unknown> = Promise.resolve();

  async getQuota({ accountId }: storage.GetQuotaRequest) {
    this.asked += 1;
    if (accountId === 'held') await this.held.promise;
    return { limitBytes: 7 };
  }

  async deliver(requests: AsyncIterable<storage.DeliverRequest>) {
    const read = async () => {
      let octets = 0;
      for await (const { part } of requests) {
        if (part?.$case === 'data') octets += part.value.length;
        await this.held.promise;
      }
      return octets;
    };
    this.outcome = read();
    return { queueId: String(await this.outcome) };
  }
}

async function serve(handlers: Handlers, { port = 0, withLines = true } = {}) {
  const server = new Server({ 'grpc.max_receive_message_length': MAX_TRANSPORT_BYTES });
  const lines = new LineServer();
  const served = serveContract(definition, handlers);
  server.addService(served.definition, served.handlers);
  lines.add(served);
  if (withLines) server.addService(lines.definition, lines.handlers);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    );
  });
  undo.push(() => server.forceShutdown());
  return { server, lines, port: bound };
}

function reach(port: number): { client: Client<typeof definition>; line: Line; channel: GrpcClient } {
  const channel = createChannel(`127.0.0.1:${port}`, credentials.createInsecure());
  const line = new Line(channel);
  undo.push(
    () => channel.close(),
    () => line.close(),
  );
  return { client: createGrpcClient(definition, channel, { line }), line, channel };
}

const stands = (line: Line) => vi.waitUntil(() => line.current(), { timeout: 10_000 });

describe('a line', () => {
  it('brings calls of one turn in a few messages, and their answers', async () => {
    const { port } = await serve(new Handlers());
    const { client, line } = reach(port);
    await stands(line);
    const asked = vi.spyOn(OpenRequest, 'encode');
    const answered = vi.spyOn(OpenResponse, 'encode');
    const quotas = await Promise.all(Array.from({ length: 200 }, () => client.getQuota({ accountId: 'a' })));
    expect(quotas.every(({ limitBytes }) => limitBytes === 7)).toBe(true);
    expect(asked.mock.calls.length).toBeLessThan(5);
    expect(answered.mock.calls.length).toBeLessThan(5);
  });

  it('that does not stand keeps no call waiting', async () => {
    const { port } = await serve(new Handlers(), { withLines: false });
    const { client, line } = reach(port);
    for (let i = 0; i < 3; i++) expect(await client.getQuota({})).toMatchObject({ limitBytes: 7 });
    expect(line.current()).toBeUndefined();
  });

  it('is not opened again and again where the server has none', async () => {
    const { port } = await serve(new Handlers(), { withLines: false });
    const { client, line, channel } = reach(port);
    const opened = vi.spyOn(channel, 'makeBidiStreamRequest');
    vi.useFakeTimers({ toFake: ['performance'] });
    undo.push(() => vi.useRealTimers());
    await client.getQuota({});
    await client.getQuota({});
    vi.advanceTimersByTime(20_000);
    await client.getQuota({});
    expect(opened).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(20_000);
    line.current();
    expect(opened).toHaveBeenCalledTimes(2);
  });

  it('lets its last calls end when the server says goodbye; the server can go then', async () => {
    const handlers = new Handlers();
    const { server, lines, port } = await serve(handlers);
    const { client, line } = reach(port);
    await stands(line);
    const last = client.getQuota({ accountId: 'held' });
    await vi.waitUntil(() => handlers.asked === 1);
    lines.goodbye();
    await vi.waitUntil(() => line.current() === undefined);
    expect(lines.count).toBe(1);
    const gone = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    handlers.held.resolve();
    expect(await last).toMatchObject({ limitBytes: 7 });
    await gone;
    expect(lines.count).toBe(0);
  });

  it('lets its last calls end when the client closes it', async () => {
    const handlers = new Handlers();
    const { lines, port } = await serve(handlers);
    const { client, line, channel } = reach(port);
    await stands(line);
    const last = client.getQuota({ accountId: 'held' });
    await vi.waitUntil(() => handlers.asked === 1);
    line.close();
    channel.close();
    handlers.held.resolve();
    expect(await last).toMatchObject({ limitBytes: 7 });
    await vi.waitUntil(() => lines.count === 0);
  });

  it('stands again after a server that was started anew', async () => {
    const first = await serve(new Handlers());
    const { client, line } = reach(first.port);
    await stands(line);
    first.server.forceShutdown();
    await vi.waitUntil(() => line.current() === undefined);
    await serve(new Handlers(), { port: first.port });
    await stands(line);
    expect(await client.getQuota({})).toMatchObject({ limitBytes: 7 });
  });

  it('fails the one call whose message is too large', async () => {
    const handlers = new Handlers();
    handlers.held.resolve();
    const { port } = await serve(handlers);
    const { client, line } = reach(port);
    await stands(line);
    const messages = async function* (octets: number) {
      yield { part: { $case: 'data' as const, value: new Uint8Array(octets) } };
    };
    const [large, small, fits] = await Promise.allSettled([
      client.deliver(messages(MAX_MESSAGE_BYTES)),
      client.deliver(messages(3)),
      client.deliver(messages(MAX_MESSAGE_BYTES - 100)),
    ]);
    expect(large).toMatchObject({ status: 'rejected', reason: { code: 'resource-exhausted' } });
    expect(small).toMatchObject({ value: { queueId: '3' } });
    expect(fits).toMatchObject({ value: { queueId: String(MAX_MESSAGE_BYTES - 100) } });
    expect(line.current()).toBeDefined();
  });
});

describe('a client that does not keep to the rules of a line', () => {
  async function open(handlers = new Handlers()) {
    const { port, lines } = await serve(handlers);
    const { channel } = reach(port);
    const { path, requestSerialize, responseDeserialize } = grpcMethod(
      LineServiceDefinition,
      LineServiceDefinition.methods.open,
    );
    const stream = channel.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata(), {});
    undo.push(() => stream.cancel());
    const heard: Frame[] = [];
    stream.on('data', (response) => heard.push(...(response as OpenResponse).frames));
    const failed = new Promise<{ code: number; details: string }>((resolve) => {
      stream.on('error', (error) => resolve(error as never));
    });
    return { lines, heard, failed, say: (...frames: Frame[]) => stream.write({ frames }) };
  }
  const start = (method: string) => ({ method, timeoutMs: 1000, context: {} });

  it('hears of a method that there is not', async () => {
    const { heard, say } = await open();
    say(frameOf(1, { start: start('/stoa.storage.v1.MailService/Fly'), end: true }));
    await vi.waitUntil(() => heard.length === 1);
    expect(heard[0]).toMatchObject({ call: 1, failure: { code: 'unimplemented', retryable: false } });
  });

  it('hears of a request that is none, and of none of its octets', async () => {
    const { heard, say } = await open();
    const messages = [Buffer.from('ffffffff', 'hex')];
    say(frameOf(1, { start: start(`/${definition.fullName}/GetQuota`), messages, end: true }));
    await vi.waitUntil(() => heard.length === 1);
    expect(heard[0]).toMatchObject({ call: 1, failure: { code: 'internal' } });
  });

  it.each([1, 2])('loses the line when it begins a call that was begun before (%i after 2)', async (again) => {
    const { lines, failed, say } = await open();
    say(frameOf(2, { start: start(DELIVER) }), frameOf(again, { start: start(DELIVER) }));
    expect((await failed).details).toBe(`the call ${again} began twice`);
    expect(lines.count).toBe(0);
  });

  it('loses the line when it sends far more than there is room for; the call does not look whole', async () => {
    const handlers = new Handlers();
    const { lines, failed, say } = await open(handlers);
    say(frameOf(1, { start: start(DELIVER) }));
    const messages = [new Uint8Array(INITIAL_CREDIT)];
    for (let i = 0; i < 80; i++) say(frameOf(1, { messages }));
    expect((await failed).details).toBe('more was sent than there was room for');
    expect(lines.count).toBe(0);
    handlers.held.resolve();
    await expect(handlers.outcome).rejects.toMatchObject({ code: 'cancelled' });
  });
});
