import { StoaError } from '@stoa/plugin-sdk';

/** Options that every command with data has. */
export interface OutputOptions {
  json?: boolean;
}

/** Writes rows as JSON, or as a table with aligned columns. */
export function printRows(
  rows: readonly Record<string, unknown>[],
  columns: readonly string[],
  options: OutputOptions,
): void {
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(formatTable(rows, columns));
}

export function formatTable(rows: readonly Record<string, unknown>[], columns: readonly string[]): string {
  const cell = (value: unknown) => (value === undefined || value === '' ? '-' : String(value));
  const table = [
    columns.map((column) => column.toUpperCase()),
    ...rows.map((row) => columns.map((column) => cell(row[column]))),
  ];
  const widths = columns.map((_, i) => Math.max(...table.map((line) => (line[i] as string).length)));
  return table
    .map(
      (line) =>
        `${line
          .map((text, i) => text.padEnd(widths[i] as number))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** Writes one thing: as JSON, or a sentence. */
export function printResult(value: object, sentence: string, options: OutputOptions): void {
  process.stdout.write(options.json === true ? `${JSON.stringify(value, undefined, 2)}\n` : `${sentence}\n`);
}

/** Shows progress of long work on standard error, where somebody watches. */
export class Progress {
  readonly #shown = process.stderr.isTTY === true;
  #last = 0;

  /** At most ten times a second, but for what must be seen. */
  update(text: string, always = false): void {
    if (!this.#shown || (!always && Date.now() - this.#last < 100)) return;
    this.#last = Date.now();
    process.stderr.write(`\r\x1b[K${text}`);
  }

  end(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
  }
}

const SIZE_UNITS: Record<string, number> = { '': 1, B: 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** A number of octets as people write it: "500M", "2 GiB". */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const unit = match === null ? undefined : SIZE_UNITS[(match[2] as string).toUpperCase()];
  if (match === null || unit === undefined)
    throw new StoaError('invalid-argument', `${JSON.stringify(text)} is no size, such as "500M" or "2 GiB"`);
  return Math.round(Number(match[1]) * unit);
}

export function formatSize(octets: number): string {
  for (const [unit, size] of [
    ['TiB', 1024 ** 4],
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ] as const) {
    if (octets >= size) return `${(octets / size).toFixed(1)} ${unit}`;
  }
  return `${octets} B`;
}

export function formatTime(ms: number): string {
  return ms === 0 ? '' : new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
