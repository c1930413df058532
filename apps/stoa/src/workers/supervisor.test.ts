import type { Logger } from '@stoa/service-kit';
import { describe, expect, it } from 'vitest';
import { FakeWorker } from './fake-worker.test-support.ts';
import { Supervisor } from './supervisor.ts';

function set(count = 2) {
  const forked: [number: number, worker: FakeWorker][] = [];
  const pauses: number[] = [];
  const logged: string[] = [];
  const logger = { error: (_: object, line: string) => logged.push(line), info() {}, warn() {} } as unknown as Logger;
  let clock = 0;
  let wake = () => {};
  const supervisor = new Supervisor({
    count,
    logger,
    stopTimeoutMs: 60_000,
    now: () => clock,
    wait: (ms, signal) => {
      pauses.push(ms);
      return new Promise((resolve) => {
        wake = resolve;
        signal.addEventListener('abort', () => resolve());
      });
    },
    fork: (number) => {
      const fake = new FakeWorker();
      forked.push([number, fake]);
      return fake.worker;
    },
  });
  const last = (number: number) => forked.findLast(([of]) => of === number)?.[1] as FakeWorker;
  const ready = (number: number, port = 1) =>
    last(number).say({ type: 'ready', addresses: { imap: `127.0.0.1:${port}` } });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return {
    supervisor,
    forked,
    pauses,
    logged,
    last,
    ready,
    turn,
    numbers: () => forked.map(([number]) => number),
    wake: () => wake(),
    pass: (ms: number) => {
      clock += ms;
    },
    async start() {
      const started = supervisor.start();
      for (let number = 1; number <= count; number++) {
        ready(number);
        await turn();
      }
      return started;
    },
  };
}

describe('the supervisor', () => {
  it('starts the first worker alone, then the others, and says when all are ready', async () => {
    const { supervisor, numbers, ready, turn } = set(3);
    const started = supervisor.start();
    await turn();
    expect(numbers()).toEqual([1]);
    ready(1, 143);
    await turn();
    expect(numbers()).toEqual([1, 2, 3]);
    ready(3);
    ready(2);
    expect(await started).toEqual({ imap: '127.0.0.1:143' });
    expect(supervisor.workers).toMatchObject([
      { number: 1, ready: true, restarts: 0 },
      { number: 2, ready: true },
      { number: 3, ready: true },
    ]);
  });

  it('starts a worker again that died, later each time, and soon when it had worked for a minute', async () => {
    const { start, supervisor, last, ready, turn, wake, pauses, numbers, pass } = set();
    await start();
    for (let i = 0; i < 3; i++) {
      last(2).exit(null, 'SIGKILL');
      await turn();
      expect(supervisor.workers[1]).toMatchObject({ ready: false, restarts: i });
      wake();
      await turn();
    }
    expect(numbers()).toEqual([1, 2, 2, 2, 2]);
    ready(2);
    expect(supervisor.workers[1]).toMatchObject({ ready: true, restarts: 3 });
    expect(supervisor.workers[0]).toMatchObject({ ready: true, restarts: 0 });
    pass(60_000);
    last(2).exit(1);
    await turn();
    const [first, second, third, afterAMinute] = pauses as [number, number, number, number];
    expect(second).toBeGreaterThanOrEqual(first);
    expect(third).toBeGreaterThanOrEqual(second);
    expect(afterAMinute).toBeLessThanOrEqual(250);
  });

  it('gives up when a worker fails at the first start, and ends the others', async () => {
    const { supervisor, last, ready, turn, numbers, pauses } = set();
    const started = supervisor.start();
    ready(1);
    await turn();
    last(2).exit(3);
    await turn();
    expect(last(1).told).toEqual([{ type: 'stop' }]);
    last(1).exit(0);
    await expect(started).rejects.toMatchObject({
      exitCode: 3,
      message: 'worker 2 ended with code 3 before it was ready',
    });
    expect([numbers(), pauses]).toEqual([[1, 2], []]);
  });

  it('tells all to stop once and waits for them; a worker between two lives is not started again', async () => {
    const { start, supervisor, last, turn, numbers } = set();
    await start();
    last(1).exit(null, 'SIGKILL');
    await turn();
    let stopped = false;
    const stopping = supervisor.stop().then(() => {
      stopped = true;
    });
    void supervisor.stop();
    await turn();
    expect([last(2).told, stopped, supervisor.stopping]).toEqual([[{ type: 'stop' }], false, true]);
    last(2).exit(0);
    await stopping;
    expect(numbers()).toEqual([1, 2]);
  });

  it('tells all to reload, and kills all', async () => {
    const { start, supervisor, last } = set();
    await start();
    supervisor.reload();
    expect([last(1).told, last(2).told]).toEqual([[{ type: 'reload' }], [{ type: 'reload' }]]);
    supervisor.kill();
    expect([last(1).signals, last(2).signals]).toEqual([['SIGKILL'], ['SIGKILL']]);
    await supervisor.stop();
  });
});
