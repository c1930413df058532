import { type Attributes, context, metrics, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { type StoaError, toStoaError } from '@stoa/plugin-sdk';

const meter = () => metrics.getMeter('@stoa/service-kit');

/** Spans, durations and errors of a driver's calls. What a driver throws leaves here as a StoaError. */
export class DriverObserver {
  readonly #kind: string;
  readonly #driver: string;
  readonly #duration = meter().createHistogram('driver_call_duration', {
    unit: 's',
    description: 'Time that calls of drivers take.',
    advice: {
      explicitBucketBoundaries: [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    },
  });
  readonly #errors = meter().createCounter('driver_call_errors', { description: 'Failed calls of drivers, by code.' });

  constructor(kind: string, driver: string) {
    this.#kind = kind;
    this.#driver = driver;
  }

  /** Starts to watch a call. Spans only where a trace is under way. */
  begin(operation: string, attributes?: Attributes): Watch {
    const span = trace.getActiveSpan()?.isRecording()
      ? trace.getTracer('@stoa/service-kit').startSpan(`${this.#kind}.${operation}`, {
          kind: SpanKind.CLIENT,
          attributes: { 'stoa.driver': this.#driver, ...attributes },
        })
      : undefined;
    return new Watch(this, operation, span);
  }

  /** Of a call that has ended. */
  count(operation: string, ms: number, failure: StoaError | undefined): void {
    const labels = { kind: this.#kind, driver: this.#driver, operation };
    this.#duration.record(ms / 1000, labels);
    if (failure !== undefined) this.#errors.add(1, { ...labels, code: failure.code });
  }

  async call<T>(operation: string, run: () => Promise<T>, attributes?: Attributes): Promise<T> {
    const watch = this.begin(operation, attributes);
    try {
      const value = await run();
      watch.end();
      return value;
    } catch (error) {
      throw watch.end(error);
    }
  }

  async *iterate<T>(
    operation: string,
    run: () => AsyncIterable<T>,
    attributes?: Attributes,
  ): AsyncGenerator<T, void, undefined> {
    const watch = this.begin(operation, attributes);
    const inside = context.active();
    let failure: unknown;
    try {
      for await (const item of context.with(inside, run)) yield item;
    } catch (error) {
      failure = toStoaError(error);
      throw failure;
    } finally {
      watch.end(failure);
    }
  }
}

/** One call that is watched. */
class Watch {
  readonly #observer: DriverObserver;
  readonly #operation: string;
  readonly #span: Span | undefined;
  readonly #started = performance.now();

  constructor(observer: DriverObserver, operation: string, span: Span | undefined) {
    this.#observer = observer;
    this.#operation = operation;
    this.#span = span;
  }

  /** Gives the error as callers get it. */
  end(error?: unknown): StoaError | undefined {
    const failure = error === undefined ? undefined : toStoaError(error);
    this.#observer.count(this.#operation, performance.now() - this.#started, failure);
    if (failure !== undefined) {
      this.#span?.setAttribute('stoa.error.code', failure.code);
      // A condition that does not hold is an answer.
      if (failure.code !== 'conflict') this.#span?.setStatus({ code: SpanStatusCode.ERROR, message: failure.code });
    }
    this.#span?.end();
    return failure;
  }
}
