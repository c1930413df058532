import { context, propagation, SpanKind, SpanStatusCode, type TextMapGetter, trace } from '@opentelemetry/api';
import type { coordinator } from '@stoa/contracts';
import { toStoaError } from '@stoa/plugin-sdk';

const TRACER = '@stoa/service-coordinator';

/** Traces of one envelope that get a span of the receiver, at most. */
const SPANS_LIMIT = 32;

const getter: TextMapGetter<string> = {
  get: (carrier, key) => (key === 'traceparent' ? carrier : undefined),
  keys: () => ['traceparent'],
};

/** Runs the handing over to the bus in a span, where a trace is under way. */
export async function tracePublish<T>(events: number, run: () => Promise<T>): Promise<T> {
  if (trace.getActiveSpan()?.isRecording() !== true) return run();
  const options = { kind: SpanKind.PRODUCER, attributes: { 'stoa.events': events } };
  return trace.getTracer(TRACER).startActiveSpan('agora publish', options, async (span) => {
    try {
      return await run();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: toStoaError(error).code });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Leaves a mark in the trace of each change that the bus brought. */
export function traceReceive(events: readonly coordinator.Event[], nodeId: string): void {
  const seen = new Set<string>();
  for (const { traceParent } of events) {
    // W3C Trace Context, section 3.2.2.5: the last bit of the flags says "sampled".
    if (traceParent.length !== 55 || !/[13579bdf]$/.test(traceParent) || seen.has(traceParent)) continue;
    if (seen.size >= SPANS_LIMIT) return;
    seen.add(traceParent);
    const parent = propagation.extract(context.active(), traceParent, getter);
    const options = { kind: SpanKind.CONSUMER, attributes: { 'stoa.from': nodeId } };
    trace.getTracer(TRACER).startSpan('agora receive', options, parent).end();
  }
}
