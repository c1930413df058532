import { isSpanContextValid, trace } from '@opentelemetry/api';
import { type Logger as Pino, pino } from 'pino';
import type { Logger, LogLevel } from './logger.ts';

export interface LoggerOptions {
  level: LogLevel;
  nodeId: string;
  /** Number of one of several workers of a node. */
  worker?: number | undefined;
  /** Where the lines go; standard output by default. */
  destination?: { write(line: string): void };
}

/** Names of fields whose values are never written, wherever they stand. */
const SECRET_FIELDS = ['password', 'secret', 'token', 'authorization', 'initialResponse'];

/** A logger that writes JSON lines with the ids of the current trace. */
export function createLogger(options: LoggerOptions): Logger {
  const writer = pino(
    {
      level: 'debug',
      base: { node: options.nodeId, ...(options.worker === undefined ? {} : { worker: options.worker }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
      mixin: traceIds,
      serializers: { error: describeError },
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  );
  return new LeveledLogger(writer, { level: options.level });
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Loggers of one family share their level, which a child of pino does not. */
class LeveledLogger implements Logger {
  readonly #pino: Pino;
  readonly #shared: { level: LogLevel };

  constructor(writer: Pino, shared: { level: LogLevel }) {
    this.#pino = writer;
    this.#shared = shared;
  }

  debug(fields: object, message: string): void {
    this.#write('debug', fields, message);
  }

  info(fields: object, message: string): void {
    this.#write('info', fields, message);
  }

  warn(fields: object, message: string): void {
    this.#write('warn', fields, message);
  }

  error(fields: object, message: string): void {
    this.#write('error', fields, message);
  }

  child(fields: object): Logger {
    return new LeveledLogger(this.#pino.child(fields), this.#shared);
  }

  setLevel(level: LogLevel): void {
    this.#shared.level = level;
  }

  #write(level: LogLevel, fields: object, message: string): void {
    if (LEVELS.indexOf(level) >= LEVELS.indexOf(this.#shared.level)) this.#pino[level](fields, message);
  }
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
