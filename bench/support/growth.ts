import { number } from '../framework/table.ts';

/** How much there is, and what the same work costs then. */
export interface Point {
  readonly size: number;
  readonly cost: number;
}

/**
 * The power of the size by which the cost grows, from the least squares of the logarithms: 0 flat, 1 linear. Undefined with fewer
 * than two sizes.
 */
export function exponent(points: readonly Point[]): number | undefined {
  const xs = points.map(({ size }) => Math.log(size));
  const ys = points.map(({ cost }) => Math.log(cost));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(xs), mean(ys)];
  const spread = xs.reduce((sum, value) => sum + (value - x) ** 2, 0);
  if (points.length < 2 || spread === 0) return undefined;
  return xs.reduce((sum, value, i) => sum + (value - x) * ((ys[i] as number) - y), 0) / spread;
}

/** What an exponent means. Over a hundredfold a logarithm looks like a power of a tenth to a third. */
export function kindOf(power: number): 'flat' | 'logarithmic' | 'less than linear' | 'linear' | 'more than linear' {
  if (power < 0.1) return 'flat';
  if (power < 0.33) return 'logarithmic';
  if (power < 0.8) return 'less than linear';
  return power <= 1.2 ? 'linear' : 'more than linear';
}

const WIDTH = 40;

/** Costs of several works as bars of logarithmic length: each doubling of the cost adds as much. `unit` is that of the cost. */
export function plot(series: ReadonlyMap<string, readonly Point[]>, unit: string): string {
  const costs = [...series.values()].flatMap((points) => points.map(({ cost }) => cost));
  const low = Math.min(...costs) / 2;
  const high = Math.max(...costs);
  const bar = (cost: number) =>
    '#'.repeat(Math.max(1, Math.round((Math.log(cost / low) / Math.log(high / low)) * WIDTH)));
  const lines: string[] = [];
  for (const [name, points] of series) {
    const power = exponent(points);
    lines.push(power === undefined ? name : `${name}: ${kindOf(power)} (size to the power of ${power.toFixed(2)})`);
    for (const { size, cost } of points) lines.push(`${number(size).padStart(9)} ${bar(cost)} ${number(cost)} ${unit}`);
  }
  return lines.join('\n');
}
