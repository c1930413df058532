/**
 * Sets of numbers (UIDs or message sequence numbers) as sorted, disjoint, inclusive ranges: first, last, first, last, …
 * The same form travels in the contracts.
 */
export type NumberSet = readonly number[];

export const MAX_NUMBER = 0xffffffff;

/** Whether the bounds are what the form asks for; what comes from outside is checked with it. */
export function isNumberSet(bounds: NumberSet): boolean {
  if (bounds.length % 2 !== 0) return false;
  let previous = 0;
  for (let i = 0; i < bounds.length; i += 2) {
    const first = bounds[i]!;
    const last = bounds[i + 1]!;
    if (!(first > previous && last >= first && last <= MAX_NUMBER)) return false;
    if (!Number.isInteger(first) || !Number.isInteger(last)) return false;
    previous = last;
  }
  return true;
}

/** The set of any ranges, in any order, overlapping or not; `first` and `last` of a range may be swapped. */
export function numberSet(ranges: Iterable<readonly [first: number, last: number]>): number[] {
  const sorted = Array.from(ranges, ([a, b]): [number, number] => (a <= b ? [a, b] : [b, a]));
  sorted.sort((a, b) => a[0] - b[0]);
  const builder = new NumberSetBuilder();
  for (const [first, last] of sorted) builder.addRange(first, last);
  return builder.bounds;
}

/** Collects a set from numbers and ranges that come in ascending order of their first. */
export class NumberSetBuilder {
  readonly bounds: number[] = [];

  add(number: number): void {
    const last = this.bounds.length - 1;
    if (last > 0 && this.bounds[last] === number - 1) this.bounds[last] = number;
    else this.addRange(number, number);
  }

  addRange(first: number, last: number): void {
    const end = this.bounds.length - 1;
    const previous = this.bounds[end];
    if (previous !== undefined && first <= previous + 1) {
      if (last > previous) this.bounds[end] = last;
    } else this.bounds.push(first, last);
  }
}

/** The set of ascending numbers. */
export function numberSetOf(ascending: Iterable<number>): number[] {
  const builder = new NumberSetBuilder();
  for (const number of ascending) builder.add(number);
  return builder.bounds;
}

/** How many numbers are in the set. */
export function countNumbers(bounds: NumberSet): number {
  let count = 0;
  for (let i = 0; i + 1 < bounds.length; i += 2) count += bounds[i + 1]! - bounds[i]! + 1;
  return count;
}

/** Index (even) of the first range whose last is at least `number`; `bounds.length` when there is none. */
export function findRange(bounds: NumberSet, number: number): number {
  let low = 0;
  let high = bounds.length >>> 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bounds[middle * 2 + 1]! < number) low = middle + 1;
    else high = middle;
  }
  return low * 2;
}

export function includesNumber(bounds: NumberSet, number: number): boolean {
  const at = findRange(bounds, number);
  return at < bounds.length && bounds[at]! <= number;
}

/** Whether any number from `first` to `last` is in the set. */
export function overlapsRange(bounds: NumberSet, first: number, last: number): boolean {
  const at = findRange(bounds, first);
  return at < bounds.length && bounds[at]! <= last;
}

/** All numbers, ascending. */
export function* eachNumber(bounds: NumberSet): Generator<number> {
  for (let i = 0; i + 1 < bounds.length; i += 2) {
    const last = bounds[i + 1]!;
    for (let number = bounds[i]!; number <= last; number++) yield number;
  }
}

export function unionOfSets(a: NumberSet, b: NumberSet): number[] {
  if (a.length === 0) return [...b];
  if (b.length === 0) return [...a];
  const builder = new NumberSetBuilder();
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (j >= b.length || (i < a.length && a[i]! <= b[j]!)) {
      builder.addRange(a[i]!, a[i + 1]!);
      i += 2;
    } else {
      builder.addRange(b[j]!, b[j + 1]!);
      j += 2;
    }
  }
  return builder.bounds;
}

export function intersectionOfSets(a: NumberSet, b: NumberSet): number[] {
  const bounds: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const first = Math.max(a[i]!, b[j]!);
    const last = Math.min(a[i + 1]!, b[j + 1]!);
    if (first <= last) bounds.push(first, last);
    if (a[i + 1]! < b[j + 1]!) i += 2;
    else j += 2;
  }
  return bounds;
}
