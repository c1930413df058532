/** Sub-buckets of each power of two: values are told apart to one part in 32. */
const STEPS = 32;
const POWERS = 40;

/**
 * Durations in microseconds, counted in buckets whose width grows with the value, so that recording costs the same however
 * many there are. A percentile is exact to about three parts in a hundred.
 */
export class Histogram {
  readonly #counts = new Uint32Array(STEPS * POWERS);
  #count = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  get max(): number {
    return this.#max;
  }

  /** Durations below zero count as zero. */
  record(microseconds: number): void {
    const value = Math.max(0, Math.round(microseconds));
    const index = Math.min(this.#counts.length - 1, bucketOf(value));
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#count += 1;
    if (value > this.#max) this.#max = value;
  }

  add(other: Histogram): void {
    other.#counts.forEach((count, i) => {
      this.#counts[i] = (this.#counts[i] as number) + count;
    });
    this.#count += other.#count;
    this.#max = Math.max(this.#max, other.#max);
  }

  /** Middle of the bucket in which the share (0 to 1) of the values ends; NaN when nothing was recorded. */
  percentile(share: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(this.#count * share));
    let seen = 0;
    for (let i = 0; i < this.#counts.length; i++) {
      seen += this.#counts[i] as number;
      if (seen >= rank) return Math.min(this.#max, (lowest(i) + lowest(i + 1) - 1) / 2);
    }
    return this.#max;
  }
}

/** Values below 32 have a bucket each; above, each power of two has 32. */
function bucketOf(value: number): number {
  if (value < STEPS) return value;
  const power = Math.floor(Math.log2(value)) - Math.log2(STEPS);
  return power * STEPS + Math.floor(value / 2 ** power);
}

/** The lowest value of a bucket. */
function lowest(bucket: number): number {
  if (bucket < 2 * STEPS) return bucket;
  const power = Math.floor(bucket / STEPS) - 1;
  return (bucket - power * STEPS) * 2 ** power;
}
