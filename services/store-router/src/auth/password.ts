import { hash, verify } from '@node-rs/argon2';
import { StoaError } from '@stoa/plugin-sdk';

/** OWASP's second choice for argon2id: 19 MiB, two passes, one lane; about 11 ms off the event loop. */
/** The library's default algorithm is argon2id; the prefix of what it makes says so. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Octets; far beyond what people type, short enough to hash. */
export const MAX_PASSWORD_BYTES = 1_024;

/** What every stored hash made today begins with. */
const CURRENT = `$argon2id$v=19$m=${PARAMETERS.memoryCost},t=${PARAMETERS.timeCost},p=${PARAMETERS.parallelism}$`;

/** Hashes at a time, at most: each holds 19 MiB. */
const PARALLEL = 8;
let running = 0;
const waiting: (() => void)[] = [];

async function limited<T>(run: () => Promise<T>): Promise<T> {
  if (running >= PARALLEL) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
  try {
    return await run();
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

/** The form in which passwords are hashed and compared: Unicode NFC, so that it does not matter which keyboard made it. */
function prepare(password: string): string {
  return password.normalize('NFC');
}

/** Makes the hash that is stored. */
export async function hashPassword(password: string): Promise<string> {
  const octets = Buffer.byteLength(prepare(password));
  if (octets === 0 || octets > MAX_PASSWORD_BYTES) {
    throw new StoaError('invalid-argument', `a password has 1 to ${MAX_PASSWORD_BYTES} octets`);
  }
  return limited(() => hash(prepare(password), PARAMETERS));
}

let dummy: Promise<string> | undefined;

/** Compares in constant time. Without a hash it does the same work and says no. */
export async function verifyPassword(stored: string | undefined, password: string): Promise<boolean> {
  dummy ??= hash('no password', PARAMETERS);
  const against = stored === undefined || stored === '' ? await dummy : stored;
  const given = prepare(password).slice(0, MAX_PASSWORD_BYTES + 1);
  const fits = Buffer.byteLength(given) <= MAX_PASSWORD_BYTES;
  const matches = await limited(() => verify(against, fits ? given : '').catch(() => false));
  return matches && fits && against === stored;
}

/** Whether a stored hash was made with other parameters than today's. */
export function needsRehash(stored: string): boolean {
  return !stored.startsWith(CURRENT);
}
