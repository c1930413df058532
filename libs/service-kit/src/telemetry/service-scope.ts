import {
  type Context,
  context,
  createContextKey,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';

const SERVICE = createContextKey('stoa.service');

/**
 * Runs something as one of the services of this process. Spans begun inside, and in whatever it starts, carry the service's
 * name as their `service.name`, so that a trace of the all-in-one shape tells services apart as one of the scaled-out shape does.
 */
export function enterService<T>(service: string, run: () => T): T {
  return context.with(contextOf(service, context.active()), run);
}

/** Of each service, its context where nothing else is known; without tracing that is all there ever is. */
const outermost = new Map<string, Context>();

function contextOf(service: string, outer: Context): Context {
  if (outer !== ROOT_CONTEXT) return outer.setValue(SERVICE, service);
  let own = outermost.get(service);
  if (own === undefined) {
    own = outer.setValue(SERVICE, service);
    outermost.set(service, own);
  }
  return own;
}

/** Hands each span to the provider of the service that it is begun in. */
export class ServiceTracerProvider implements TracerProvider {
  readonly #providers: ReadonlyMap<string, TracerProvider>;
  readonly #fallback: TracerProvider;
  readonly #tracers = new Map<string, Tracer>();

  constructor(providers: ReadonlyMap<string, TracerProvider>, fallback: TracerProvider) {
    this.#providers = providers;
    this.#fallback = fallback;
  }

  getTracer(name: string, version?: string): Tracer {
    const key = `${name}@${version}`;
    let tracer = this.#tracers.get(key);
    if (tracer === undefined) {
      tracer = this.#makeTracer(name, version);
      this.#tracers.set(key, tracer);
    }
    return tracer;
  }

  #makeTracer(name: string, version?: string): Tracer {
    const tracers = new Map<unknown, Tracer>();
    const pick = (from: Context): Tracer => {
      const service = from.getValue(SERVICE);
      let tracer = tracers.get(service);
      if (tracer === undefined) {
        const provider = (typeof service === 'string' ? this.#providers.get(service) : undefined) ?? this.#fallback;
        tracer = provider.getTracer(name, version);
        tracers.set(service, tracer);
      }
      return tracer;
    };
    return {
      startSpan: (spanName: string, options?: SpanOptions, from: Context = context.active()) =>
        pick(from).startSpan(spanName, options, from),
      startActiveSpan: (spanName: string, ...rest: unknown[]) => {
        const run = rest.at(-1) as (span: Span) => unknown;
        const options = rest.length > 1 ? (rest[0] as SpanOptions) : {};
        const from = rest.length > 2 ? (rest[1] as Context) : context.active();
        const span = pick(from).startSpan(spanName, options, from);
        return context.with(trace.setSpan(from, span), () => run(span));
      },
    } as Tracer;
  }
}
