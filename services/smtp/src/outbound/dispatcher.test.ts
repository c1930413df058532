import { storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { harness, server } from '../../test/outbound/harness.ts';

const { QueueRecipient_Status: Status } = storage;

/** Resolves when something that is checked at every turn of the loop is true. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('the sender of the queue', () => {
  it('sends so many at a time to one domain, and to others meanwhile', async () => {
    const domains = ['one.test', 'two.test', 'three.test'];
    const open = new Map(domains.map((domain) => [domain, 0]));
    let most = 0;
    const count = (line: string, step: number) => {
      const domain = line.slice(line.indexOf('@') + 1, -1);
      open.set(domain, (open.get(domain) ?? 0) + step);
      most = Math.max(most, ...open.values());
    };
    const mx = await server({
      answer(line) {
        if (line.startsWith('RCPT')) count(line, 1);
        return undefined;
      },
      message({ rcpts }) {
        count(rcpts[0] ?? '', -1);
        return undefined;
      },
    });
    const { run, add, queue } = harness({
      config: { port: mx.port, 'domain-concurrency': 2, concurrency: 5 },
      zone: { addresses: Object.fromEntries(domains.map((domain) => [domain, ['127.0.0.1']])) },
    });
    for (const domain of domains) for (let i = 0; i < 6; i++) add([`x${i}@${domain}`], { domain });
    await run(18);
    expect(most).toBeLessThanOrEqual(2);
    expect(mx.messages.length).toBe(18);
    expect(queue.rows.size).toBe(0);
    for (const { limit, limitPerDomain } of queue.leases) {
      expect(limit).toBeLessThanOrEqual(5);
      expect(limitPerDomain).toBeLessThanOrEqual(2);
    }
  });

  it('is woken when an entry comes, and when one is due', async () => {
    const mx = await server();
    const { run, add, queue, clock, outbound, events } = harness({ config: { port: mx.port } });
    outbound.start();
    await until(() => queue.leases.length > 0);
    add();
    await run(1);
    add(undefined, { id: 'due', nextAttemptAt: clock.now + 100 });
    events.publish({ $case: 'queueReady', value: { domain: '' } });
    const before = queue.leases.length;
    await until(() => queue.leases.length > before);
    clock.now += 100;
    await queue.reported(2);
    expect(mx.messages.length).toBe(2);
  });

  it('asks again when the queue could not be asked', async () => {
    const mx = await server();
    const { run, add, queue, log } = harness({ config: { port: mx.port } });
    const { lease } = queue.client;
    let failures = 1;
    Object.assign(queue.client, {
      lease: (request: storage.LeaseRequest) =>
        failures-- > 0 ? Promise.reject(new StoaError('unavailable', 'down')) : lease(request),
    });
    add();
    await run();
    expect(log[0]).toMatchObject({ level: 'warn' });
    expect(mx.messages.length).toBe(1);
  });

  it('records a result until it is recorded, and sends nothing twice for it', async () => {
    const mx = await server();
    const { run, add, queue, log } = harness({ config: { port: mx.port } });
    queue.failures.push({ error: new StoaError('unavailable', 'down'), recorded: false });
    queue.failures.push({ error: new StoaError('deadline-exceeded', 'slow'), recorded: true });
    add();
    await run();
    add(['second@remote.test'], { id: 'later' });
    await run(2);
    expect(mx.messages.length).toBe(2);
    expect(log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('says so when an entry was taken back', async () => {
    const mx = await server();
    const { add, queue, log, outbound, events } = harness({ config: { port: mx.port } });
    queue.failures.push({ error: new StoaError('conflict', 'gone', { retryable: false }), recorded: false });
    add();
    outbound.start();
    events.publish({ $case: 'queueReady', value: { domain: '' } });
    await until(() => log.some(({ level }) => level === 'error'));
    expect(log.find(({ level }) => level === 'error')?.message).toContain('took an entry back');
  });

  it('finishes what is under way when it drains, and begins nothing more', async () => {
    let arrived: () => void = () => {};
    const inside = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const mx = await server({
      message() {
        arrived();
        return undefined;
      },
    });
    const { add, queue, outbound, events } = harness({ config: { port: mx.port, concurrency: 1 } });
    add();
    outbound.start();
    await inside;
    const drained = outbound.drain(new AbortController().signal);
    add();
    events.publish({ $case: 'queueReady', value: { domain: '' } });
    await drained;
    expect(queue.reports.length).toBe(1);
    expect(queue.rows.size).toBe(1);
    expect(mx.commands.at(-1)).toBe('QUIT');
  });

  it('gives back what is not done in time, to be tried at once', async () => {
    const mx = await server({ greeting: '220-wait' });
    const { add, queue, outbound, clock } = harness({ config: { port: mx.port } });
    const id = add();
    outbound.start();
    await until(() => mx.conversations.length > 0);
    const stop = new AbortController();
    const drained = outbound.drain(stop.signal);
    stop.abort();
    await drained;
    expect(queue.entry(id)).toMatchObject({
      nextAttemptAt: clock.now,
      recipients: [{ status: Status.STATUS_PENDING, diagnostic: '' }],
    });
    expect(queue.notices).toEqual([]);
  });

  it('may be stopped twice, without a start, and does nothing where it is disabled', async () => {
    const { outbound, queue, add } = harness({ config: { enabled: false } });
    add();
    outbound.start();
    await outbound.drain(AbortSignal.abort());
    await outbound.stop();
    await outbound.stop();
    expect(queue.leases).toEqual([]);
  });
});
