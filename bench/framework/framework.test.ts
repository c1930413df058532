import { describe, expect, it } from 'vitest';
import type { Bench } from './bench.ts';
import { row } from './row.ts';
import { runBench } from './run.ts';
import { alternate, figure, median, percentile } from './statistics.ts';
import { number, table } from './table.ts';

describe('statistics', () => {
  it('takes the middle of the runs, and tells their spread', () => {
    expect(median([5, 1, 9])).toBe(5);
    expect(median([4, 1, 9, 2])).toBe(3);
    expect(median([])).toBeNaN();
    expect(figure([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3, runs: 3 });
  });

  it('takes percentiles that are among the values', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(percentile(values, 0.5)).toBe(50);
    expect(percentile(values, 0.99)).toBe(99);
    expect(percentile(values, 1)).toBe(100);
    expect(percentile([7], 0.99)).toBe(7);
  });

  it('alternates, and changes who begins', async () => {
    const order: string[] = [];
    const run = (name: string) => async (round: number) => {
      order.push(name);
      return round;
    };
    expect(await alternate(run('a'), run('b'), { rounds: 3 })).toEqual({ a: [0, 1, 2], b: [0, 1, 2] });
    expect(order.join('')).toBe('abbaab');
  });

  it('ends between two runs when it is stopped', async () => {
    const stop = new AbortController();
    let runs = 0;
    const run = async () => {
      runs += 1;
      stop.abort(new Error('stopped'));
    };
    await expect(alternate(run, run, { rounds: 3, signal: stop.signal })).rejects.toThrow('stopped');
    expect(runs).toBe(1);
  });
});

describe('a row', () => {
  const base = { name: 'x', unit: 'ms', peer: 'other' };

  it('is met by what its mark speaks of, in the direction that is better', () => {
    const ratio = (value: number, better: 'higher' | 'lower') =>
      row({ ...base, better, value, peerValue: 100, mark: { ratio: 0.5 } });
    expect(ratio(50, 'higher')).toMatchObject({ ratio: 0.5, met: true, mark: 'ratio >= 0.5' });
    expect(ratio(49, 'higher').met).toBe(false);
    expect(ratio(49, 'lower')).toMatchObject({ met: true, mark: 'ratio <= 0.5' });
    expect(ratio(51, 'lower').met).toBe(false);
    const difference = (value: number) =>
      row({ ...base, better: 'lower', value, peerValue: 2, mark: { difference: 10 } });
    expect(difference(12)).toMatchObject({ met: true, mark: '<= peer + 10 ms' });
    expect(difference(12.1).met).toBe(false);
    expect(row({ ...base, better: 'lower', value: 99, mark: { value: 100 } })).toMatchObject({
      met: true,
      mark: '<= 100 ms',
    });
  });

  it('is neither met nor missed when a side is missing', () => {
    const lone = row({ ...base, better: 'higher', value: 5, mark: { ratio: 0.5 }, missing: 'apt-get install other' });
    expect(lone).toMatchObject({ ratio: null, peerValue: null, met: null, missing: 'apt-get install other' });
  });

  it('has the medians and the spread of its figures', () => {
    const of = row({ ...base, better: 'higher', value: figure([1, 2, 3]), peerValue: figure([4]) });
    expect(of).toMatchObject({ value: 2, spread: [1, 3], peerValue: 4, ratio: 0.5, mark: null, met: null });
    expect(of).not.toHaveProperty('peerSpread');
  });
});

describe('the table', () => {
  it('names what is missing, what was not met, and keeps its columns straight', () => {
    const text = table([
      row({
        name: 'rate',
        unit: '/s',
        better: 'higher',
        value: figure([1200, 1300, 1400]),
        peer: 'LMDB',
        peerValue: 5000,
        mark: { ratio: 0.5 },
      }),
      row({
        name: 'other',
        unit: 'ms',
        better: 'lower',
        value: 5,
        peer: 'Dovecot',
        missing: 'not installed',
        mark: { ratio: 1 },
      }),
    ]);
    const lines = text.split('\n');
    expect(new Set(lines.slice(0, 4).map((line) => line.length)).size).toBe(1);
    expect(lines[2]).toMatch(/1 300 \(1 200\.\.1 400\).*LMDB.*5 000.*0\.260.*NO/);
    expect(lines[3]).toMatch(/Dovecot.*missing.*\?/);
    expect(text).toContain('missing for other: not installed');
  });

  it('writes numbers with the digits that count', () => {
    expect([12345.6, 123.45, 12.345, 1.2345, 0.12345, 3].map(number)).toEqual([
      '12 346',
      '123',
      '12.3',
      '1.23',
      '0.123',
      '3',
    ]);
  });
});

describe('running a bench', () => {
  const options = (signal = new AbortController().signal) => ({ quick: true, signal, progress: () => {} });
  const one = row({ name: 'one', unit: '', better: 'higher', value: 1 });

  it('ends what it started, the last first, also when it fails; its rows stay', async () => {
    const ended: string[] = [];
    const bench: Bench = {
      name: 'b',
      describe: '',
      async *run(context) {
        context.onEnd(() => ended.push('first'));
        await context.use({ stop: () => ended.push('second') });
        yield one;
        throw new Error('broken');
      },
    };
    const rows = await runBench(bench, options());
    expect(ended).toEqual(['second', 'first']);
    expect(rows.map(({ name, missing }) => [name, missing])).toEqual([
      ['b: one', undefined],
      ['b', 'it failed: broken'],
    ]);
  });

  it('names the server that is missing, and does not begin', async () => {
    const need = { name: 'Server', missing: async () => 'not installed' };
    const bench: Bench = { name: 'b', describe: '', needs: [need], run: () => Promise.reject(new Error('begun')) };
    expect(await runBench(bench, options())).toMatchObject([
      { name: 'b', value: null, missing: 'Server: not installed' },
    ]);
  });

  it('ends what it started as soon as it is stopped', async () => {
    const stop = new AbortController();
    const bench: Bench = {
      name: 'b',
      describe: '',
      async run(context) {
        await new Promise((_, reject) => {
          context.onEnd(() => reject(new Error('the server is gone')));
          stop.abort();
        });
        return [one];
      },
    };
    expect(await runBench(bench, options(stop.signal))).toEqual([]);
  });
});
