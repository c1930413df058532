import { type ErrorCode, isStoaError, StoaError } from '@stoa/plugin-sdk';

/** What an SQLSTATE, or its class (the first two characters), means to the caller. */
const CODES: Record<string, [code: ErrorCode, message: string]> = {
  '08': ['unavailable', 'the connection to PostgreSQL failed'],
  '22': ['invalid-argument', 'PostgreSQL refused a value'],
  '25006': ['unavailable', 'the PostgreSQL server is a standby or read-only'],
  '25P03': ['deadline-exceeded', 'a scan was idle for too long'],
  '28': ['unavailable', 'PostgreSQL refuses the log-in'],
  '3D000': ['unavailable', 'the database does not exist any more'],
  '40': ['unavailable', 'PostgreSQL rolled the transaction back'],
  '53': ['resource-exhausted', 'PostgreSQL lacks resources'],
  '53100': ['storage-full', 'the disk of PostgreSQL is full'],
  '53300': ['unavailable', 'PostgreSQL has no connection left'],
  '53400': ['unavailable', 'a limit of the configuration of PostgreSQL is reached'],
  '54': ['limit-exceeded', 'a limit of PostgreSQL is exceeded'],
  '55P03': ['deadline-exceeded', 'other commits held the keys for too long'],
  '57': ['unavailable', 'PostgreSQL is shutting down or starting'],
  '57014': ['deadline-exceeded', 'the statement took too long'],
  '58': ['unavailable', 'PostgreSQL had a system error'],
  XX001: ['data-loss', 'PostgreSQL found damaged data'],
  XX002: ['data-loss', 'PostgreSQL found a damaged index'],
};

/** The SQLSTATE where the server answered. Without one the connection is lost, and so is the outcome of a commit. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  // Node's own codes are words such as EPIPE; EPIPE has five letters as well.
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && 'severity' in (error as object) ? code : undefined;
}

/** An error of pg or PostgreSQL as a StoaError. */
export function fromPostgres(error: unknown): StoaError {
  if (isStoaError(error)) return error;
  const state = sqlState(error);
  const known = state === undefined ? CODES['08'] : (CODES[state] ?? CODES[state.slice(0, 2)]);
  const [code, message] = known ?? (['internal', 'PostgreSQL refused a statement'] as const);
  return new StoaError(code, `${message}: ${messageOf(error)}`, { cause: error });
}

const UNUSABLE = /^(08|57P|25006|25P03|28|58|XX)/;

/** The connection is of no use any more: it broke, or leads to a server that is going or takes no writes. */
export function breaksConnection(error: unknown): boolean {
  const state = sqlState(error);
  return state === undefined || UNUSABLE.test(state);
}

/** Rolled back only because of what others did at the time; the same again may well succeed at once. */
export function isTransient(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlState(error) ?? '');
}

/** A pooler gave this session's statement to another server connection: 26000 unknown there, 42P05 known already. */
export function isLostStatement(error: unknown): boolean {
  return ['26000', '42P05'].includes(sqlState(error) ?? '');
}

/** The server takes no writes: it became, or always was, a standby. */
export function isStandby(error: unknown): boolean {
  return sqlState(error) === '25006';
}

/** Several addresses tried in vain give an error whose message is empty. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
