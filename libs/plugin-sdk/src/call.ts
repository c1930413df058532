/** What every call of a driver may be given. */
export interface CallOptions {
  /** Aborted when nobody waits for the result any more. A driver stops work that has no effect yet. */
  signal?: AbortSignal | undefined;
}

/** Closes in any order, twice without harm. After it no call of the driver is made. */
export interface Driver {
  /** Resolves when the store or bus behind the driver answers; rejects with `unavailable` else. Cheap, called every few seconds. */
  check(): Promise<void>;
  close(): Promise<void>;
}
