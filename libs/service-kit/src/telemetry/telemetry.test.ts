import { credentials } from '@grpc/grpc-js';
import { isSpanContextValid, trace } from '@opentelemetry/api';
import {
  type Client,
  createChannel,
  createGrpcClient,
  createInProcessClient,
  type Implementation,
} from '@stoa/contracts';
import { describe, expect, it } from 'vitest';
import { quotaContract } from '../../test/fake-services.ts';
import { OtlpReceiver, type ReceivedSpan } from '../../test/otlp-receiver.ts';
import { recordingLogger } from '../../test/recording-logger.ts';
import { formatAddress } from '../config/types.ts';
import { guardDriver } from '../plugins/guard.ts';
import { ContractServer } from '../server/grpc-server.ts';
import { bind } from '../service.ts';
import { createLogger } from './create-logger.ts';
import { enterService } from './service-scope.ts';
import { startTelemetry } from './setup.ts';

const store = guardDriver('data', 'fake', {
  get: async () => [],
  async *scan() {},
  commit: async () => {},
  check: async () => {},
  close: async () => {},
});

const implementation: Implementation<typeof quotaContract> = {
  async getQuota() {
    await store.commit({ conditions: [], mutations: [] });
    return {};
  },
};

async function startServer() {
  const server = new ContractServer(recordingLogger());
  server.add({ ...bind(quotaContract, implementation), owner: 'store-router' });
  const address = formatAddress(await server.listen({ host: '127.0.0.1', port: 0 }, undefined));
  const channel = createChannel(address, credentials.createInsecure());
  return {
    client: createGrpcClient(quotaContract, channel),
    async stop() {
      channel.close();
      await server.stop(100);
    },
  };
}

const config = (endpoint: string | undefined, ratio = 1) => ({
  'log-level': 'info' as const,
  'otlp-endpoint': endpoint,
  'sample-ratio': ratio,
  'export-interval': 1000,
});

/** Runs a call of the imap service inside a span, with tracing on; resolves to the spans that a collector got. */
async function traced(makeClient: () => Client<typeof quotaContract>, ratio = 1): Promise<ReceivedSpan[]> {
  const receiver = new OtlpReceiver();
  const telemetry = startTelemetry({
    config: config(await receiver.listen(), ratio),
    nodeId: 'n1',
    version: '0',
    services: ['imap', 'store-router'],
  });
  const client = makeClient();
  await enterService('imap', () =>
    trace.getTracer('test').startActiveSpan('command', async (span) => {
      await client.getQuota({});
      span.end();
    }),
  );
  await telemetry.shutdown();
  receiver.close();
  return receiver.spans;
}

/** From the root down: "service name kind". */
function path(spans: readonly ReceivedSpan[]): string[] {
  const lines: string[] = [];
  for (let parent = ''; ; ) {
    const span = spans.find(({ parentSpanId }) => parentSpanId === parent);
    if (span === undefined) return lines;
    lines.push(`${span.service} ${span.name} ${span.kind}`);
    parent = span.spanId;
  }
}

describe('a trace', () => {
  it('shows each service by name when all run in one process', async () => {
    const spans = await traced(() =>
      createInProcessClient(quotaContract, implementation, { enter: (run) => enterService('store-router', run) }),
    );
    expect(path(spans)).toEqual([
      'stoa-imap command 1',
      'stoa-store-router MailService/GetQuota 1',
      'stoa-store-router data.commit 3',
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  });

  it('goes on over gRPC', async () => {
    const server = await startServer();
    const spans = await traced(() => server.client);
    await server.stop();
    expect(path(spans)).toEqual([
      'stoa-imap command 1',
      'stoa-imap MailService/GetQuota 3',
      'stoa-store-router MailService/GetQuota 2',
      'stoa-store-router data.commit 3',
    ]);
  });

  it('is not recorded where the ratio says so', async () => {
    expect(await traced(() => createInProcessClient(quotaContract, implementation), 0)).toEqual([]);
  });

  it('costs nothing to those who do not want it: no provider is there', () => {
    const telemetry = startTelemetry({ config: config(undefined), nodeId: 'n1', version: '0', services: ['imap'] });
    const span = trace.getTracer('test').startSpan('x');
    expect(span.isRecording()).toBe(false);
    expect(isSpanContextValid(span.spanContext())).toBe(false);
    return telemetry.shutdown();
  });
});

describe('the log', () => {
  const write = () => {
    const lines: Record<string, unknown>[] = [];
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
    return { lines, logger: createLogger({ level: 'info', nodeId: 'n1', destination }) };
  };

  it('is JSON with causes and the ids of the trace', async () => {
    const telemetry = startTelemetry({
      config: config('http://127.0.0.1:1'),
      nodeId: 'n1',
      version: '0',
      services: [],
    });
    const { lines, logger } = write();
    await trace.getTracer('test').startActiveSpan('x', async (span) => {
      const error = new TypeError('outer', { cause: new Error('inner') });
      logger.child({ service: 'imap' }).warn({ error }, 'something');
      expect(lines[0]).toMatchObject({
        level: 'warn',
        node: 'n1',
        service: 'imap',
        msg: 'something',
        error: { type: 'TypeError', message: 'outer', cause: { message: 'inner' } },
        trace_id: span.spanContext().traceId,
        span_id: span.spanContext().spanId,
      });
    });
    await telemetry.shutdown();
  });

  it('never has secrets, and leaves out what is below its level', () => {
    const { lines, logger } = write();
    logger.debug({}, 'small talk');
    const fields = { password: 'hush', login: { secret: 'hush', user: 'alice' } };
    logger.info(fields, 'login');
    logger.child({ token: 'hush' }).info({ error: Object.assign(new Error('no'), { authorization: 'hush' }) }, 'login');
    expect(lines).toHaveLength(2);
    expect(JSON.stringify(lines)).not.toContain('hush');
    expect(lines[0]).toMatchObject({ password: '[secret]', login: { secret: '[secret]', user: 'alice' } });
    expect(lines[1]).toMatchObject({ token: '[secret]' });
    expect(fields).toEqual({ password: 'hush', login: { secret: 'hush', user: 'alice' } });
  });
});
