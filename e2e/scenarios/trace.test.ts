import { once } from 'node:events';
import { findJaeger, type Jaeger, startJaeger } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient, sender } from '../support/clients.ts';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { SHAPES, Stoa } from '../support/stoa.ts';

/** Too large to lie inside the data store, so that the blob store has its part in the trace. */
const LARGE = 'hello\r\n'.repeat(20_000);

interface JaegerTrace {
  traceID: string;
  spans: { operationName: string; processID: string; spanID: string }[];
  processes: Record<string, { serviceName: string }>;
}

describe.each(SHAPES)('one trace for one message, %s', (shape) => {
  let jaeger: Jaeger | undefined;
  let otlp: OtlpReceiver;
  let stoa: Stoa;

  beforeAll(async () => {
    if (shape === 'cluster' && findJaeger() !== undefined) jaeger = await startJaeger();
    otlp = await OtlpReceiver.start(jaeger?.otlp);
    stoa = await Stoa.start(shape, { environment: { STOA_TELEMETRY__OTLP_ENDPOINT: `"${otlp.endpoint}"` } });
    await stoa.provision('alice');
  });
  afterAll(async () => {
    await stoa[Symbol.asyncDispose]();
    await otlp.close();
    await jaeger?.stop();
  });

  it('reaches from SMTP DATA through the stores and the bus to the notice in imap', async () => {
    // Before the events flow, a change is found by asking: no trace leads there.
    await stoa.eventsFlow();
    const client = await imapClient(stoa, 'alice');
    await client.mailboxOpen('INBOX');
    const told = once(client, 'exists');
    const idling = client.idle();
    const sent = await sender(stoa).sendMail({
      from: 'out@elsewhere.test',
      to: 'alice@example.test',
      subject: 'traced',
      text: LARGE,
    });
    await told;
    await client.noop();
    await idling;
    await client.logout();

    // The message of this test is the only one, so its root is the only one of its name.
    const root = () => otlp.spans.find((span) => span.name === 'smtp DATA');
    await expect.poll(root, { timeout: 20_000 }).toBeDefined();
    const id = root()?.traceId;
    const trace = (): ReceivedSpan[] => otlp.spans.filter((span) => span.traceId === id);
    const wanted = [
      'MailService/Deliver',
      'blob.put',
      'data.commit',
      'bus.publish',
      'MailService/SyncMailbox',
      'imap notify',
    ];
    await expect
      .poll(() => wanted.filter((name) => !trace().some((span) => span.name === name)), { timeout: 20_000 })
      .toEqual([]);
    expect([...new Set(trace().map((span) => span.service))].sort()).toEqual([
      'stoa-coordinator',
      'stoa-imap',
      'stoa-smtp',
      'stoa-store-router',
    ]);
    // In a cluster mail comes in on the first node and is read on the third.
    const nodeOf = (name: string) => trace().find((span) => span.name === name)?.node;
    const expected = {
      cluster: ['1', '3'],
      workers: [expect.stringMatching(/^1-[12]$/), expect.stringMatching(/^1-[12]$/)],
    };
    expect([nodeOf('smtp DATA'), nodeOf('imap notify')]).toEqual(
      shape === 'cluster' || shape === 'workers' ? expected[shape] : ['1', '1'],
    );

    // One tree: a single root, and every other span's parent is in the trace.
    const ids = new Set(trace().map((span) => span.spanId));
    expect(
      trace()
        .filter((span) => span.parentId === '')
        .map((span) => span.name),
    ).toEqual(['smtp DATA']);
    expect(
      trace()
        .filter((span) => span.parentId !== '' && !ids.has(span.parentId))
        .map((span) => span.name),
    ).toEqual([]);
    if (process.env['STOA_SHOW_TRACE'] !== undefined) process.stderr.write(`${treeOf(trace())}\n`);
    if (jaeger === undefined) return;

    // The same is found where an operator looks.
    const { query } = jaeger;
    const found = async (): Promise<string[]> => {
      const response = await fetch(`${query}/api/traces/${id}`);
      if (!response.ok) return [];
      const { data } = (await response.json()) as { data: JaegerTrace[] };
      return (data[0]?.spans ?? []).map(({ spanID }) => spanID).sort();
    };
    await expect.poll(found, { timeout: 20_000 }).toEqual([...new Set(trace().map(({ spanId }) => spanId))].sort());
    // From the reply to DATA, which is what the sender's log has, to the trace.
    const smtpId = /queued as (\w+)/.exec(sent.response ?? '')?.[1];
    const tags = encodeURIComponent(JSON.stringify({ 'smtp.id': smtpId }));
    const search = await fetch(`${query}/api/traces?service=stoa-smtp&tags=${tags}`);
    expect(((await search.json()) as { data: JaegerTrace[] }).data.map(({ traceID }) => traceID)).toEqual([id]);
    const services = (await (await fetch(`${query}/api/services`)).json()) as { data: string[] };
    expect(services.data).toEqual(expect.arrayContaining(['stoa-smtp', 'stoa-imap', 'stoa-store-router']));
  });
});

/** The spans as a tree with their times in milliseconds, for the documentation. */
function treeOf(spans: readonly ReceivedSpan[]): string {
  const [first = 0n] = spans.map(({ start }) => start).sort((a, b) => Number(a - b));
  const ms = (time: bigint) => (Number(time) / 1e6).toFixed(1);
  const lines = (parent: string, depth: number): string[] =>
    spans
      .filter(({ parentId }) => parentId === parent)
      .sort((a, b) => Number(a.start - b.start))
      .flatMap(({ name, service, node, spanId, start, end }) => {
        const label = `${'  '.repeat(depth)}${name}`.padEnd(44);
        const where = `${service.replace('stoa-', '')} ${node}`.padEnd(16);
        return [`${label} ${where} at ${ms(start - first)} for ${ms(end - start)}`, ...lines(spanId, depth + 1)];
      });
  return lines('', 0).join('\n');
}
