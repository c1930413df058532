import { isSpanContextValid, trace } from '@opentelemetry/api';
import { pino } from 'pino';
import type { Logger } from './logger.ts';

export interface LoggerOptions {
  level: 'debug' | 'info' | 'warn' | 'error';
  nodeId: string;
  /** Where the lines go; standard output by default. */
  destination?: { write(line: string): void };
}

/** Names of fields whose values are never written, wherever they stand. */
const SECRET_FIELDS = ['password', 'secret', 'token', 'authorization', 'initialResponse'];

/** A logger that writes JSON lines with the ids of the current trace. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { node: options.nodeId },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
      mixin: traceIds,
      serializers: { error: describeError },
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  );
}

function traceIds(): object {
  const span = trace.getActiveSpan()?.spanContext();
  return span === undefined || !isSpanContextValid(span) ? {} : { trace_id: span.traceId, span_id: span.spanId };
}

/** An error with its causes, for the log. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
