import type { Attributes, AttributeValue } from '@opentelemetry/api';

/** Sets of attributes that an instrument tells apart, at most; what comes beyond goes into one (OpenTelemetry metrics SDK, cardinality limits). */
const LIMIT = 2_000;
const OVERFLOW: Attributes = { 'otel.metric.overflow': true };

/** A level of the tree: by the name of the next attribute, and its value. */
interface Branch<T> {
  series: T | undefined;
  names: Map<string, Map<AttributeValue | undefined, Branch<T>>> | undefined;
}

/**
 * What an instrument counted, by attributes. They are looked up in the order in which the caller names them, so that nothing is sorted, joined or
 * hashed for a record; another order finds the same figures.
 */
export class SeriesMap<T> {
  readonly #make: (attributes: Attributes) => T;
  readonly #root: Branch<T> = { series: undefined, names: undefined };
  /** By attributes in the order of their names. */
  readonly #all = new Map<string, T>();

  constructor(make: (attributes: Attributes) => T) {
    this.#make = make;
  }

  get size(): number {
    return this.#all.size;
  }

  values(): Iterable<T> {
    return this.#all.values();
  }

  get(attributes: Attributes | undefined): T {
    let branch = this.#root;
    for (const name in attributes) {
      const found = branch.names?.get(name)?.get(attributes[name]);
      if (found === undefined) return this.#add(attributes);
      branch = found;
    }
    return branch.series ?? this.#add(attributes ?? {});
  }

  #add(attributes: Attributes): T {
    const sorted = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify(sorted);
    const known = this.#all.get(key);
    // Values that are lists are another object each time: a branch of theirs would never be found again.
    if (known !== undefined && sorted.some(([, value]) => typeof value === 'object')) return known;
    if (known === undefined && this.#all.size >= LIMIT - 1) return this.#overflow();
    const series = known ?? this.#make(attributes);
    this.#all.set(key, series);
    this.#branch(attributes).series = series;
    return series;
  }

  #overflow(): T {
    const key = JSON.stringify(Object.entries(OVERFLOW));
    const known = this.#all.get(key) ?? this.#make(OVERFLOW);
    this.#all.set(key, known);
    return known;
  }

  #branch(attributes: Attributes): Branch<T> {
    let branch = this.#root;
    for (const name in attributes) {
      branch.names ??= new Map();
      const values = branch.names.get(name) ?? new Map<AttributeValue | undefined, Branch<T>>();
      branch.names.set(name, values);
      const next = values.get(attributes[name]) ?? { series: undefined, names: undefined };
      values.set(attributes[name], next);
      branch = next;
    }
    return branch;
  }
}
