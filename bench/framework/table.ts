import type { Row } from './row.ts';

const HEADINGS = ['what', 'Stoa', 'peer', '', 'unit', 'ratio', 'mark', 'met'] as const;
/** Columns of numbers stand at the right. */
const RIGHT = new Set([1, 3, 5]);

/** The rows as a table in Markdown whose columns stand under each other in a terminal too; notes and what is missing below. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    row.name,
    withSpread(row.value, row.spread),
    row.peer ?? '',
    row.peer === null ? '' : withSpread(row.peerValue, row.peerSpread),
    row.unit,
    row.ratio === null ? '' : `${number(row.ratio)}${row.better === 'lower' ? ' (lower is better)' : ''}`,
    row.mark ?? '',
    row.met === null ? (row.mark === null ? '' : '?') : row.met ? 'yes' : 'NO',
  ]);
  const widths = HEADINGS.map((heading, i) => Math.max(3, heading.length, ...lines.map((line) => line[i]!.length)));
  const pad = (text: string, i: number) => (RIGHT.has(i) ? text.padStart(widths[i]!) : text.padEnd(widths[i]!));
  const print = (cells: readonly string[]) => `| ${cells.map(pad).join(' | ')} |`;
  const rule = widths.map((width, i) => (RIGHT.has(i) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [print(HEADINGS), print(rule), ...lines.map(print), ...remarks(rows)].join('\n');
}

function remarks(rows: readonly Row[]): string[] {
  const missing = rows.flatMap((row) => (row.missing === undefined ? [] : [`missing for ${row.name}: ${row.missing}`]));
  const notes = rows.flatMap((row) => (row.note === undefined ? [] : [`- ${row.name}: ${row.note}`]));
  return [...(missing.length > 0 ? ['', ...missing] : []), ...(notes.length > 0 ? ['', ...notes] : [])];
}

function withSpread(value: number | null, spread: readonly [number, number] | undefined): string {
  if (value === null) return 'missing';
  if (spread === undefined) return number(value);
  return `${number(value)} (${number(spread[0])}..${number(spread[1])})`;
}

/** Three digits that count; thousands whole. */
export function number(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}
