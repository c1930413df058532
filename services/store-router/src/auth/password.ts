import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';
import { StoaError } from '@stoa/plugin-sdk';
import { Slots } from './slots.ts';

/** OWASP's second choice for argon2id: 19 MiB, two passes, one lane; about 11 ms off the event loop. argon2id is the library's default. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Octets; far beyond what people type, short enough to hash. */
export const MAX_PASSWORD_BYTES = 1_024;

/** What every stored hash made today begins with. */
const CURRENT = `$argon2id$v=19$m=${PARAMETERS.memoryCost},t=${PARAMETERS.timeCost},p=${PARAMETERS.parallelism}$`;

/** Threads of libuv's pool. Hashes leave one at least to the file system and the name lookups that share it. */
const THREADS = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) || 4;
const PARALLEL = Math.max(1, Math.min(availableParallelism(), THREADS - 1));
const MAX_WAITING = 1_000;

/** Turns for hashing, of the whole process. */
export const hashing = new Slots(PARALLEL, MAX_WAITING);

/** Every space of Unicode but ASCII's own. */
const OTHER_SPACES = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g;

/**
 * The form in which passwords are hashed and compared: spaces of all kinds are ASCII's, then NFC (OpaqueString of RFC 8265
 * section 4.2), so that it does not matter which keyboard made it. Undefined for what is empty or too long.
 */
function prepare(password: string): string | undefined {
  // What is far too long is not even brought into form.
  if (password.length > 4 * MAX_PASSWORD_BYTES) return undefined;
  const prepared = password.replace(OTHER_SPACES, ' ').normalize('NFC');
  const octets = Buffer.byteLength(prepared);
  return octets === 0 || octets > MAX_PASSWORD_BYTES ? undefined : prepared;
}

/** Makes the hash that is stored. Rejects with `invalid-argument` for an empty or too long password. */
export async function hashPassword(password: string, signal?: AbortSignal): Promise<string> {
  const prepared = prepare(password);
  if (prepared === undefined) {
    throw new StoaError('invalid-argument', `a password has 1 to ${MAX_PASSWORD_BYTES} octets`);
  }
  return hashing.run(() => hash(prepared, PARAMETERS), signal);
}

let dummy: Promise<string> | undefined;

/** Compares in constant time. Without a hash it does the same work and says no. To be called within a turn of `hashing`. */
export async function verifyPassword(stored: string | undefined, password: string): Promise<boolean> {
  dummy ??= hash('no password', PARAMETERS);
  const against = stored === undefined || stored === '' ? await dummy : stored;
  const prepared = prepare(password);
  const matches = await verify(against, prepared ?? 'no').catch(() => false);
  return matches && prepared !== undefined && against === stored;
}

/** Whether a stored hash was made with other parameters than today's. */
export function needsRehash(stored: string): boolean {
  return !stored.startsWith(CURRENT);
}
