/** Pause (ms) before the attempt of this number, from 1: doubles up to the longest, and is cut by up to a half at random. */
export function backOff(
  attempt: number,
  { reconnectMin, reconnectMax }: { reconnectMin: number; reconnectMax: number },
  random: () => number = Math.random,
): number {
  const full = Math.min(reconnectMax, reconnectMin * 2 ** Math.min(attempt - 1, 20));
  return full * (1 - random() / 2);
}
