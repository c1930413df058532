import { isSpanContextValid, trace } from '@opentelemetry/api';
import { type Logger as Pino, pino } from 'pino';
import { standardOutput } from './log-output.ts';
import type { Logger, LogLevel } from './logger.ts';

export interface LoggerOptions {
  level: LogLevel;
  nodeId: string;
  /** Number of one of several workers of a node. */
  worker?: number | undefined;
  /** Where the lines go; standard output by default. `flush` is called after a line that tells of an error. */
  destination?: { write(line: string): void; flush?(): void };
}

/** Names of fields whose values are never written, wherever they stand. */
const SECRET_FIELDS = ['password', 'secret', 'token', 'authorization', 'initialResponse'] as const;

/** A logger that writes JSON lines with the ids of the current trace. */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? standardOutput();
  const writer = pino(
    {
      level: 'debug',
      base: { node: options.nodeId, ...(options.worker === undefined ? {} : { worker: options.worker }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      mixin: traceIds,
      serializers: { error: describeError },
    },
    destination,
  );
  return new LeveledLogger(writer, { level: options.level, flush: () => destination.flush?.() });
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

interface Shared {
  level: LogLevel;
  flush(): void;
}

/** Loggers of one family share their level, which a child of pino does not. */
class LeveledLogger implements Logger {
  readonly #pino: Pino;
  readonly #shared: Shared;

  constructor(writer: Pino, shared: Shared) {
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
    return new LeveledLogger(this.#pino.child(withoutSecrets(fields)), this.#shared);
  }

  setLevel(level: LogLevel): void {
    this.#shared.level = level;
  }

  #write(level: LogLevel, fields: object, message: string): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#shared.level)) return;
    this.#pino[level](withoutSecrets(fields), message);
    // It may be the last that this process has to say.
    if (level === 'error') this.#shared.flush();
  }
}

/** The fields as they are, or with what hides the secrets among them and in the objects among them. */
function withoutSecrets(fields: object): object {
  let shown = hideSecrets(fields);
  for (const [name, value] of Object.entries(shown)) {
    if (typeof value !== 'object' || value === null) continue;
    const inner = hideSecrets(value);
    if (inner !== value) shown = { ...shown, [name]: inner };
  }
  return shown;
}

function hideSecrets(fields: object): object {
  const secrets = SECRET_FIELDS.filter((name) => name in fields);
  return secrets.length === 0
    ? fields
    : { ...fields, ...Object.fromEntries(secrets.map((name) => [name, '[secret]'])) };
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
