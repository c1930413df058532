import { afterEach, describe, expect, it } from 'vitest';
import type { Answer } from './ask.ts';
import { WorkersFront } from './front.ts';

const fronts: WorkersFront[] = [];
afterEach(async () => {
  for (const front of fronts.splice(0)) await front.close();
});

const READY = { status: 'ready', services: { imap: 'ready' } };
const ILL = { status: 'not ready', services: { imap: 'unavailable' } };

/** The page of a node whose workers answer so; undefined: the worker does not answer. */
async function page(path: string, answers: (Answer | undefined)[], stopping = false) {
  const front = new WorkersFront({
    workers: () =>
      answers.map((_, i) => ({ number: i + 1, pid: 100 + i, ready: answers[i] !== undefined, restarts: i })),
    stopping: () => stopping,
    async ask(number) {
      const answer = answers[number - 1];
      if (answer === undefined) throw new Error('away');
      return answer;
    },
  });
  fronts.push(front);
  const { port } = await front.listen({ host: '127.0.0.1', port: 0 });
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, text: await response.text() };
}

const told = (body: object): Answer => ({ status: body === READY ? 200 : 503, text: JSON.stringify(body) });

describe('the pages of a node with workers', () => {
  it('are ready while one worker is, and tell of each', async () => {
    const ready = async (answers: (Answer | undefined)[], stopping = false) => {
      const { status, text } = await page('/health/ready', answers, stopping);
      return [status, JSON.parse(text)];
    };
    expect(await ready([told(READY), told(READY)])).toEqual([
      200,
      { status: 'ready', services: { imap: 'ready' }, workers: { 1: 'ready', 2: 'ready' } },
    ]);
    expect(await ready([undefined, told(READY)])).toEqual([
      200,
      {
        status: 'degraded',
        services: { imap: 'ready' },
        workers: { 1: 'away', 2: 'ready' },
        degraded: { 'worker 1': 'away' },
      },
    ]);
    expect(await ready([told(ILL), undefined])).toMatchObject([
      503,
      { status: 'not ready', services: { imap: 'unavailable' } },
    ]);
    expect(await ready([told(READY), told(READY)], true)).toMatchObject([503, { status: 'draining' }]);
  });

  it('have the metrics of all, and of the workers themselves', async () => {
    const metrics = { status: 200, text: '# TYPE stoa_x gauge\nstoa_x 1\n' };
    const { text } = await page('/metrics', [metrics, undefined]);
    expect(text).toContain('stoa_x{worker="1"} 1\n');
    expect(text).toContain('stoa_worker_up{worker="2"} 0\n');
    expect(text).toContain('stoa_worker_restarts_total{worker="2"} 1\n');
  });

  it('answer for themselves, and nothing else', async () => {
    expect((await page('/health/live', [])).status).toBe(200);
    expect((await page('/else', [])).status).toBe(404);
  });
});
