import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';

/** Where relative paths start, while a section is checked. */
let baseFolder: string | undefined;

/** Checks a section whose relative paths start in a folder. */
export function withBaseFolder<T>(folder: string, check: () => T): T {
  const before = baseFolder;
  baseFolder = folder;
  try {
    return check();
  } finally {
    baseFolder = before;
  }
}

/** A file or folder; absolute inside. Relative to the configuration file. */
export const path = () =>
  z
    .string()
    .min(1)
    .transform((given) => resolve(baseFolder ?? '', given));

export { byteSize, duration } from '@stoa/config-values';

export interface Address {
  host: string;
  port: number;
}

/** Parses "127.0.0.1:2525", "[::1]:25" or "host:25". Undefined when it is none. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) return undefined;
  return { host: (match[1] ?? match[2]) as string, port };
}

/** A Unix domain socket: reached only from this machine, and by who may enter its folder. */
export interface SocketPath {
  path: string;
}

/** Where a server listens and a client connects to. */
export type Endpoint = Address | SocketPath;

/** As gRPC and messages write it: "127.0.0.1:2070" or "unix:/run/stoa/1.sock". */
export function formatEndpoint(endpoint: Endpoint): string {
  return 'path' in endpoint ? `unix:${endpoint.path}` : formatAddress(endpoint);
}

/** Whether nothing outside this machine can reach it. */
export function isLocal(endpoint: Endpoint): boolean {
  return 'path' in endpoint || isLoopback(endpoint.host);
}

export function formatAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Whether nothing outside this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Host and port to listen on or to connect to. Port 0 lets the system choose. */
export const address = () =>
  z.string().transform((text, context) => {
    const parsed = parseAddress(text);
    if (parsed === undefined) {
      context.addIssue({ code: 'custom', message: 'expected host and port, such as "127.0.0.1:2525" or "[::1]:25"' });
      return z.NEVER;
    }
    return parsed;
  });

/** A value that never shows itself in logs or error messages. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

/** A secret: the text itself, `{ file = "…" }` (its first line; relative to the configuration), or `{ env = "…" }`. */
export const secret = () =>
  z
    .union([z.string(), z.strictObject({ file: z.string() }), z.strictObject({ env: z.string() })])
    .transform((given, context) => {
      if (typeof given === 'string') return new Secret(given);
      if ('env' in given) {
        const value = process.env[given.env];
        if (value !== undefined) return new Secret(value);
        context.addIssue({ code: 'custom', message: `the environment variable ${given.env} is not set` });
        return z.NEVER;
      }
      try {
        return new Secret(
          (readFileSync(resolve(baseFolder ?? '', given.file), 'utf8').split('\n')[0] as string).trimEnd(),
        );
      } catch (error) {
        context.addIssue({
          code: 'custom',
          message: `cannot read the secret from ${given.file}: ${(error as Error).message}`,
        });
        return z.NEVER;
      }
    });
