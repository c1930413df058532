import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient, sender } from '../support/clients.ts';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { SHAPES, Stoa } from '../support/stoa.ts';

describe.each(SHAPES)('one trace for one message, %s', (shape) => {
  let otlp: OtlpReceiver;
  let stoa: Stoa;

  beforeAll(async () => {
    otlp = await OtlpReceiver.start();
    stoa = await Stoa.start(shape, { environment: { STOA_TELEMETRY__OTLP_ENDPOINT: `"${otlp.endpoint}"` } });
    await stoa.provision('alice');
  });
  afterAll(async () => {
    await stoa[Symbol.asyncDispose]();
    await otlp.close();
  });

  it('reaches from SMTP DATA through the stores and the bus to the notice in imap', async () => {
    // Before the events flow, a change is found by asking: no trace leads there.
    await stoa.eventsFlow();
    const client = await imapClient(stoa, 'alice');
    await client.mailboxOpen('INBOX');
    const told = once(client, 'exists');
    const idling = client.idle();
    await sender(stoa).sendMail({
      from: 'out@elsewhere.test',
      to: 'alice@example.test',
      subject: 'traced',
      text: 'hello',
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
  });
});
