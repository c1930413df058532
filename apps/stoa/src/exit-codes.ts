import type { ErrorCode } from '@stoa/plugin-sdk';

/** Exit codes that scripts can trust. */
export const EXIT = {
  ok: 0,
  /** Something went wrong that no other code tells. */
  failed: 1,
  /** Wrong arguments or a wrong configuration. */
  usage: 2,
  /** The server cannot be reached, or cannot do it now; trying again may help. */
  unavailable: 3,
  /** What was named does not exist. */
  notFound: 4,
  /** What was to be made exists already. */
  exists: 5,
  /** The server refused: not allowed in this state. */
  refused: 6,
} as const;

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  'invalid-argument': EXIT.usage,
  'invalid-configuration': EXIT.usage,
  unavailable: EXIT.unavailable,
  'deadline-exceeded': EXIT.unavailable,
  'not-found': EXIT.notFound,
  'already-exists': EXIT.exists,
  'failed-precondition': EXIT.refused,
  'permission-denied': EXIT.refused,
};

export function exitCodeOf(code: ErrorCode): number {
  return BY_CODE[code] ?? EXIT.failed;
}
