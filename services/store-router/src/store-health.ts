import { toStoaError } from '@stoa/plugin-sdk';

export interface CheckedStore {
  kind: string;
  store: { check(): Promise<void> };
}

/** Less than a health page waits. */
const LIMIT_MS = 1_500;

/**
 * The stores that a store-router does part of its work without: small mail needs no blob store outside, logins are not limited
 * while the memory store is away, a search reads the messages.
 */
export class StoreHealth {
  readonly #stores: readonly CheckedStore[];
  #missing: string[] = [];

  constructor(stores: readonly CheckedStore[]) {
    this.#stores = stores;
  }

  /** Asks all of them; never rejects. */
  async look(): Promise<void> {
    const found = await Promise.all(
      this.#stores.map(async ({ kind, store }) => {
        const failure = await failureOf(store.check());
        return failure === undefined ? [] : [`the ${kind} store: ${failure}`];
      }),
    );
    this.#missing = found.flat();
  }

  /** What the last look found missing. */
  get degraded(): string | undefined {
    return this.#missing.length === 0 ? undefined : this.#missing.join('; ');
  }
}

/** The code of its error; the log has the rest. */
async function failureOf(check: Promise<void>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('deadline-exceeded'), LIMIT_MS);
  });
  const answer = check.then(
    () => undefined,
    (error: unknown) => toStoaError(error).code,
  );
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
