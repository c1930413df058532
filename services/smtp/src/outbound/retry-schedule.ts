/** Of a pause, how much chance adds or takes, so that what failed together does not come back together. */
const JITTER = 0.2;

/**
 * When to try again, in milliseconds since 1970-01-01 UTC: after the pause of the schedule for so many attempts (1: the
 * first has failed), but not later than the end of the entry's time, when it gets a last attempt.
 */
export function nextAttempt(
  schedule: readonly number[],
  attempts: number,
  expiresAt: number,
  now: number,
  random: number,
): number {
  const pause = schedule[Math.min(Math.max(attempts, 1), schedule.length) - 1] ?? 0;
  const jittered = Math.round(pause * (1 - JITTER + 2 * JITTER * random));
  return Math.min(now + jittered, Math.max(expiresAt, now));
}
