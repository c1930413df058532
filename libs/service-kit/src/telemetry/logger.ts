export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Structured log of a component. Fields never hold secrets or message content. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
  /** Sets the least severe level that is written, for this logger, its parents and all their children. Absent: it is fixed. */
  setLevel?(level: LogLevel): void;
}
