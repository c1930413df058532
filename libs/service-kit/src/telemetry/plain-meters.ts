import {
  type Attributes,
  type Counter,
  type Histogram,
  type HrTime,
  type Meter,
  type MeterOptions,
  type MeterProvider,
  type MetricOptions,
  ValueType,
} from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  type MetricData,
  type MetricProducer,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics';
import { SeriesMap } from './series.ts';

/** Of OpenTelemetry's SDK, for histograms that name none. */
const DEFAULT_BOUNDARIES: readonly number[] = [
  0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000,
];

interface Instrument {
  collect(endTime: HrTime): MetricData | undefined;
}

/**
 * Counters and histograms that add up in plain fields, and are handed over when somebody reads the metrics. Those of
 * OpenTelemetry's SDK sort, join and hash the attributes at each record, which was a fiftieth of the time of a busy process.
 * All other instruments are the SDK's.
 */
export class PlainMeters implements MeterProvider, MetricProducer {
  readonly #meters = new Map<string, PlainMeter>();
  #sdk: MeterProvider | undefined;

  /** The provider of the instruments that are not plain. Must be set before the first meter is asked for. */
  set sdk(provider: MeterProvider) {
    this.#sdk = provider;
  }

  getMeter(name: string, version?: string, options?: MeterOptions): Meter {
    if (this.#sdk === undefined) throw new Error('no provider of other instruments');
    const key = JSON.stringify([name, version, options?.schemaUrl]);
    let meter = this.#meters.get(key);
    if (meter === undefined) {
      meter = new PlainMeter(this.#sdk.getMeter(name, version, options), { name, version, ...options });
      this.#meters.set(key, meter);
    }
    return meter.facade;
  }

  async collect(): Promise<CollectionResult> {
    const endTime = millisToHrTime(Date.now());
    const scopeMetrics = [...this.#meters.values()].map((meter) => meter.collect(endTime));
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
  }
}

class PlainMeter {
  /** What callers get: the SDK's meter but for two methods. */
  readonly facade: Meter;
  readonly #scope: ScopeMetrics['scope'];
  readonly #instruments = new Map<string, Instrument>();

  constructor(sdk: Meter, scope: ScopeMetrics['scope']) {
    this.#scope = scope;
    this.facade = Object.assign(Object.create(sdk) as Meter, {
      createCounter: (name: string, options?: MetricOptions) =>
        this.#only(`counter ${name}`, () => new PlainCounter(name, options)),
      createHistogram: (name: string, options?: MetricOptions) =>
        this.#only(`histogram ${name}`, () => new PlainHistogram(name, options)),
    });
  }

  collect(endTime: HrTime): ScopeMetrics {
    const metrics = [...this.#instruments.values()].flatMap((instrument) => instrument.collect(endTime) ?? []);
    return { scope: this.#scope, metrics };
  }

  /** Who makes an instrument anew counts on with the same figures. */
  #only<T extends Instrument>(key: string, make: () => T): T {
    const known = this.#instruments.get(key) as T | undefined;
    if (known !== undefined) return known;
    const made = make();
    this.#instruments.set(key, made);
    return made;
  }
}

function descriptorOf(name: string, options: MetricOptions = {}) {
  const { description = '', unit = '', valueType = ValueType.DOUBLE } = options;
  return { name, description, unit, valueType };
}

interface Sum {
  readonly attributes: Attributes;
  readonly startTime: HrTime;
  value: number;
}

class PlainCounter implements Counter, Instrument {
  readonly #descriptor: MetricData['descriptor'];
  readonly #series = new SeriesMap<Sum>((attributes) => ({
    attributes: { ...attributes },
    startTime: millisToHrTime(Date.now()),
    value: 0,
  }));

  constructor(name: string, options?: MetricOptions) {
    this.#descriptor = descriptorOf(name, options);
  }

  /** What is less than zero is no count and is left out. */
  add(value: number, attributes?: Attributes): void {
    if (value >= 0) this.#series.get(attributes).value += value;
  }

  collect(endTime: HrTime): MetricData | undefined {
    if (this.#series.size === 0) return undefined;
    return {
      descriptor: this.#descriptor,
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.SUM,
      isMonotonic: true,
      dataPoints: [...this.#series.values()].map((sum) => ({ ...sum, endTime })),
    };
  }
}

interface Spread {
  readonly attributes: Attributes;
  readonly startTime: HrTime;
  sum: number;
  /** By the first boundary that is not less; the last is beyond all. */
  readonly counts: number[];
}

class PlainHistogram implements Histogram, Instrument {
  readonly #descriptor: MetricData['descriptor'];
  readonly #boundaries: readonly number[];
  readonly #series: SeriesMap<Spread>;

  constructor(name: string, options?: MetricOptions) {
    this.#descriptor = descriptorOf(name, options);
    const boundaries = options?.advice?.explicitBucketBoundaries ?? DEFAULT_BOUNDARIES;
    this.#boundaries = [...boundaries].sort((a, b) => a - b);
    this.#series = new SeriesMap((attributes) => ({
      attributes: { ...attributes },
      startTime: millisToHrTime(Date.now()),
      sum: 0,
      counts: new Array<number>(this.#boundaries.length + 1).fill(0),
    }));
  }

  /** What is less than zero is no length and is left out. */
  record(value: number, attributes?: Attributes): void {
    if (!(value >= 0)) return;
    const series = this.#series.get(attributes);
    series.sum += value;
    let at = 0;
    while (at < this.#boundaries.length && (this.#boundaries[at] as number) < value) at++;
    series.counts[at] = (series.counts[at] as number) + 1;
  }

  collect(endTime: HrTime): MetricData | undefined {
    if (this.#series.size === 0) return undefined;
    return {
      descriptor: this.#descriptor,
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: [...this.#series.values()].map(({ attributes, startTime, sum, counts }) => ({
        attributes,
        startTime,
        endTime,
        value: {
          buckets: { boundaries: [...this.#boundaries], counts: [...counts] },
          sum,
          count: counts.reduce((all, count) => all + count, 0),
        },
      })),
    };
  }
}
