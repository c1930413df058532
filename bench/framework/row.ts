import type { Figure } from './statistics.ts';

/**
 * What a row must reach: of the ratio, of Stoa's value, or of the difference of Stoa's value to the peer's. It is a lower
 * bound where higher is better, an upper bound where lower is.
 */
export type Mark = { readonly ratio: number } | { readonly value: number } | { readonly difference: number };

export interface RowInput {
  name: string;
  unit: string;
  /** Which values are good ones. */
  better: 'higher' | 'lower';
  /** Absent when it could not be measured; `missing` says why. */
  value?: number | Figure | undefined;
  /** What Stoa is compared with: another server, another shape of Stoa, a bare loop. */
  peer?: string;
  peerValue?: number | Figure | undefined;
  mark?: Mark;
  /** What is not there, and how to get it. */
  missing?: string | undefined;
  /** More to know about this row: where the time goes, what was counted. */
  note?: string;
}

/** A row of the table, and of the JSON. Values are medians. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly value: number | null;
  /** Lowest and highest of the runs; absent where there was one. */
  readonly spread?: readonly [number, number];
  readonly peer: string | null;
  readonly peerValue: number | null;
  readonly peerSpread?: readonly [number, number];
  /** Stoa's value over the peer's; `better` says whether it should be high or low. */
  readonly ratio: number | null;
  /** Such as "ratio >= 0.5". */
  readonly mark: string | null;
  /** From the figures alone; null without a mark, or without what it speaks of. */
  readonly met: boolean | null;
  readonly missing?: string;
  readonly note?: string;
}

export function row(input: RowInput): Row {
  const { name, unit, better, peer = null, mark, missing, note } = input;
  const value = middle(input.value);
  const peerValue = middle(input.peerValue);
  const both = value !== null && peerValue !== null;
  const ratio = both && peerValue !== 0 ? value / peerValue : null;
  const spread = spreadOf(input.value);
  const peerSpread = spreadOf(input.peerValue);
  return {
    name,
    unit,
    better,
    value,
    ...(spread && { spread }),
    peer,
    peerValue,
    ...(peerSpread && { peerSpread }),
    ratio,
    mark: mark === undefined ? null : markText(mark, better, unit),
    met: mark === undefined ? null : isMet(mark, better, { value, ratio, difference: both ? value - peerValue : null }),
    ...(missing === undefined ? {} : { missing }),
    ...(note === undefined ? {} : { note }),
  };
}

function middle(value: number | Figure | undefined): number | null {
  const number = typeof value === 'object' ? value.median : value;
  return number === undefined || Number.isNaN(number) ? null : number;
}

function spreadOf(value: number | Figure | undefined): [number, number] | undefined {
  return typeof value === 'object' && value.runs > 1 ? [value.low, value.high] : undefined;
}

function markText(mark: Mark, better: 'higher' | 'lower', unit: string): string {
  const sign = better === 'higher' ? '>=' : '<=';
  if ('ratio' in mark) return `ratio ${sign} ${mark.ratio}`;
  if ('value' in mark) return `${sign} ${mark.value} ${unit}`;
  return `${sign} peer ${mark.difference < 0 ? '-' : '+'} ${Math.abs(mark.difference)} ${unit}`;
}

function isMet(
  mark: Mark,
  better: 'higher' | 'lower',
  has: { value: number | null; ratio: number | null; difference: number | null },
): boolean | null {
  const [is, bound] =
    'ratio' in mark
      ? [has.ratio, mark.ratio]
      : 'value' in mark
        ? [has.value, mark.value]
        : [has.difference, mark.difference];
  if (is === null) return null;
  return better === 'higher' ? is >= bound : is <= bound;
}
