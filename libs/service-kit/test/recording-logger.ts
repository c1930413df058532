import type { Logger } from '../src/telemetry/logger.ts';

export interface LogLine {
  level: string;
  message: string;
  fields: object;
}

/** A logger that keeps its lines. */
export function recordingLogger(): Logger & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  const logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    lines,
    child: () => logger,
  };
  return logger;
}
