import {
  type Context,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import type { StoaError } from '@stoa/plugin-sdk';
import type { MethodDefinition, ServiceDefinition } from './rpc.ts';

const TRACER = '@stoa/contracts';

/** A span for one side of a call, and the context that has it. */
export interface CallSpan {
  readonly context: Context;
  end(error?: StoaError): void;
}

function untraced(context: Context): CallSpan {
  return { context, end: nothing };
}

function nothing(): void {}

/** Starts a span. Calls without a parent are not traced from here on: traces start where work starts, at a protocol or a role. */
export function startCallSpan(
  kind: SpanKind,
  service: ServiceDefinition,
  method: MethodDefinition,
  channel: 'in-process' | 'grpc',
  parent: Context,
): CallSpan {
  const parentSpan = trace.getSpan(parent);
  if (parentSpan === undefined) return untraced(parent);
  if (!parentSpan.isRecording()) {
    const { traceFlags } = parentSpan.spanContext();
    const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0 && trace.isSpanContextValid(parentSpan.spanContext());
    if (!sampled) return untraced(parent);
  }
  const span: Span = trace.getTracer(TRACER).startSpan(
    `${service.name}/${method.name}`,
    {
      kind,
      attributes: {
        'rpc.system': channel === 'grpc' ? 'grpc' : 'stoa',
        'rpc.service': service.fullName,
        'rpc.method': method.name,
      },
    },
    parent,
  );
  return {
    context: trace.setSpan(parent, span),
    end(error?: StoaError) {
      if (error !== undefined) {
        span.setAttribute('stoa.error.code', error.code);
        // A caller that gives up, or a refusal it can act on, is no failure of the service.
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.code });
      }
      span.end();
    },
  };
}

export { context, propagation, SpanKind };
