import { X509Certificate } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '../telemetry/logger.ts';
import type { CertificateStore } from './types.ts';

export interface CertificateFiles {
  cert: string;
  key: string;
  /** Server names; those in the certificate by default. */
  names?: readonly string[] | undefined;
}

export type TlsVersion = '1.2' | '1.3';

interface Loaded {
  context: SecureContext;
  /** Lower case; a leading "*." stands for one label. */
  names: readonly string[];
}

/** How often the files' times are looked at. */
const WATCH_INTERVAL_MS = 500;

/** Reads a pair and checks that it belongs together. */
function load(files: CertificateFiles, minVersion: TlsVersion): Loaded {
  const cert = readFileSync(files.cert);
  const key = readFileSync(files.key);
  const context = createSecureContext({ cert, key, minVersion: `TLSv${minVersion}` });
  if (files.names !== undefined) return { context, names: files.names.map((name) => name.toLowerCase()) };
  const certificate = new X509Certificate(cert);
  const alternative = [...(certificate.subjectAltName ?? '').matchAll(/DNS:([^,\s]+)/g)].map((match) =>
    (match[1] as string).toLowerCase(),
  );
  const common = /CN=([^\n]+)/.exec(certificate.subject)?.[1];
  return { context, names: alternative.length > 0 || common === undefined ? alternative : [common.toLowerCase()] };
}

/** Certificates from files. They are read again when a file changes; a bad new one is logged and the old one stays. */
export class FileCertificateStore implements CertificateStore {
  readonly #files: readonly CertificateFiles[];
  readonly #logger: Logger;
  readonly #minVersion: TlsVersion;
  #loaded: Loaded[];
  readonly #listeners = new Set<(names: readonly string[]) => void>();
  readonly #onChange = () => this.reload();

  constructor(files: readonly CertificateFiles[], logger: Logger, minVersion: TlsVersion = '1.2') {
    this.#files = files;
    this.#logger = logger;
    this.#minVersion = minVersion;
    this.#loaded = files.map((pair) => {
      try {
        return load(pair, minVersion);
      } catch (error) {
        throw new StoaError(
          'invalid-configuration',
          `tls.certificates: cannot use ${pair.cert} with ${pair.key}: ${(error as Error).message}`,
          {
            cause: error,
          },
        );
      }
    });
  }

  get available(): boolean {
    return this.#loaded.length > 0;
  }

  /** Begins to look for changes. */
  watch(): void {
    for (const file of this.#paths())
      watchFile(file, { interval: WATCH_INTERVAL_MS, persistent: false }, this.#onChange);
  }

  close(): void {
    for (const file of this.#paths()) unwatchFile(file, this.#onChange);
    this.#listeners.clear();
  }

  /** Reads all pairs anew; keeps the old of those that cannot be used, which happens while a file is half written. */
  reload(): void {
    const names: string[] = [];
    this.#files.forEach((pair, i) => {
      try {
        const fresh = load(pair, this.#minVersion);
        this.#loaded[i] = fresh;
        names.push(...fresh.names);
      } catch (error) {
        this.#logger.warn({ error, cert: pair.cert }, 'the changed certificate cannot be used; the one before stays');
      }
    });
    if (names.length === 0) return;
    this.#logger.info({ names }, 'certificates loaded anew');
    for (const listener of this.#listeners) listener(names);
  }

  secureContext(serverName: string | undefined): SecureContext | undefined {
    return (this.#find(serverName?.toLowerCase()) ?? this.#loaded[0])?.context;
  }

  onChange(listener: (names: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #find(name: string | undefined): Loaded | undefined {
    if (name === undefined) return undefined;
    const wildcard = `*.${name.slice(name.indexOf('.') + 1)}`;
    return (
      this.#loaded.find(({ names }) => names.includes(name)) ??
      (name.includes('.') ? this.#loaded.find(({ names }) => names.includes(wildcard)) : undefined)
    );
  }

  #paths(): string[] {
    return [...new Set(this.#files.flatMap(({ cert, key }) => [cert, key]))];
  }
}
