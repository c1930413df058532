import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { SecureContext } from 'node:tls';
import { StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '../telemetry/logger.ts';
import { type LoadedCertificate, loadCertificate, type TlsVersion } from './loaded-certificate.ts';
import type { CertificateStore } from './types.ts';

export interface CertificateFiles {
  cert: string;
  key: string;
  /** Server names; those in the certificate by default. */
  names?: readonly string[] | undefined;
}

/** How often the files' times are looked at. */
const WATCH_INTERVAL_MS = 500;

function load({ cert, key, names }: CertificateFiles, minVersion: TlsVersion): LoadedCertificate {
  return loadCertificate({ chain: readFileSync(cert), key: readFileSync(key), names }, minVersion);
}

/** Throws `invalid-configuration`. */
function loadAll(files: readonly CertificateFiles[], minVersion: TlsVersion): LoadedCertificate[] {
  return files.map((pair) => {
    try {
      return load(pair, minVersion);
    } catch (error) {
      throw new StoaError(
        'invalid-configuration',
        `tls.certificates: cannot use ${pair.cert} with ${pair.key}: ${(error as Error).message}`,
        { cause: error },
      );
    }
  });
}

/**
 * Certificates from files, and those that the nodes of the cluster share. Files are read again when they change; a bad new one
 * is logged and the old one stays. Where a file and a shared certificate are for the same name, the one that began to be valid
 * later is shown.
 */
export class FileCertificateStore implements CertificateStore {
  #files: readonly CertificateFiles[];
  readonly #logger: Logger;
  readonly #minVersion: TlsVersion;
  #loaded: LoadedCertificate[];
  #shared: readonly LoadedCertificate[] = [];
  readonly #listeners = new Set<(names: readonly string[]) => void>();
  readonly #reloadListeners = new Set<(changed: readonly LoadedCertificate[]) => void>();
  readonly #onChange = () => this.reload();
  #watching = false;

  constructor(files: readonly CertificateFiles[], logger: Logger, minVersion: TlsVersion = '1.2') {
    this.#files = files;
    this.#logger = logger;
    this.#minVersion = minVersion;
    this.#loaded = loadAll(files, minVersion);
  }

  /** Reads other files; what is returned puts them in place of these. Throws `invalid-configuration`. */
  prepare(files: readonly CertificateFiles[]): () => void {
    const loaded = loadAll(files, this.#minVersion);
    return () => {
      const wasWatching = this.#watching;
      this.#unwatch();
      const before = new Set(this.#loaded.map(({ fingerprint }) => fingerprint));
      this.#files = files;
      this.#loaded = loaded;
      if (wasWatching) this.watch();
      this.#tellFiles(loaded.filter(({ fingerprint }) => !before.has(fingerprint)));
    };
  }

  get available(): boolean {
    return this.#loaded.length > 0 || this.#shared.length > 0;
  }

  /** The certificates of the files, as they were read last. */
  get ofFiles(): readonly LoadedCertificate[] {
    return this.#loaded;
  }

  /** Begins to look for changes. */
  watch(): void {
    this.#watching = true;
    for (const file of this.#paths())
      watchFile(file, { interval: WATCH_INTERVAL_MS, persistent: false }, this.#onChange);
  }

  close(): void {
    this.#unwatch();
    this.#listeners.clear();
    this.#reloadListeners.clear();
  }

  /** Reads all pairs anew; keeps the old of those that cannot be used, which happens while a file is half written. */
  reload(): void {
    const changed: LoadedCertificate[] = [];
    this.#files.forEach((pair, i) => {
      try {
        const fresh = load(pair, this.#minVersion);
        if (fresh.fingerprint !== this.#loaded[i]?.fingerprint) changed.push(fresh);
        this.#loaded[i] = fresh;
      } catch (error) {
        this.#logger.warn({ error, cert: pair.cert }, 'the changed certificate cannot be used; the one before stays');
      }
    });
    this.#tellFiles(changed);
  }

  #tellFiles(changed: readonly LoadedCertificate[]): void {
    if (changed.length === 0) return;
    this.#tell(changed.flatMap(({ names }) => names));
    for (const listener of this.#reloadListeners) listener(changed);
  }

  #unwatch(): void {
    this.#watching = false;
    for (const file of this.#paths()) unwatchFile(file, this.#onChange);
  }

  /** Replaces the certificates that the nodes of the cluster share. */
  setShared(certificates: readonly LoadedCertificate[]): void {
    const before = this.#shared;
    const changed = [
      ...before.filter((each) => !certificates.includes(each)),
      ...certificates.filter((each) => !before.includes(each)),
    ];
    // One that is the default where there are no files must be the same on every node.
    this.#shared = certificates.toSorted((a, b) => (a.names.join() < b.names.join() ? -1 : 1));
    if (changed.length > 0) this.#tell([...new Set(changed.flatMap(({ names }) => names))]);
  }

  secureContext(serverName: string | undefined): SecureContext | undefined {
    return this.shown(serverName)?.context;
  }

  /** The certificate that is shown to who asks for a server name. */
  shown(serverName: string | undefined): LoadedCertificate | undefined {
    return this.#find(serverName?.toLowerCase()) ?? this.#default();
  }

  onChange(listener: (names: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called with the certificates of files that were replaced. */
  onReload(listener: (changed: readonly LoadedCertificate[]) => void): () => void {
    this.#reloadListeners.add(listener);
    return () => this.#reloadListeners.delete(listener);
  }

  #tell(names: readonly string[]): void {
    this.#logger.info({ names }, 'certificates loaded anew');
    for (const listener of this.#listeners) listener(names);
  }

  #find(name: string | undefined): LoadedCertificate | undefined {
    if (name === undefined) return undefined;
    const wildcard = `*.${name.slice(name.indexOf('.') + 1)}`;
    return this.#latest([name]) ?? (name.includes('.') ? this.#latest([wildcard]) : undefined);
  }

  /** The first of the files, or what the cluster has in its place. */
  #default(): LoadedCertificate | undefined {
    const [first] = this.#loaded;
    if (first === undefined) return this.#shared[0];
    const heirs = first.names.length === 0 ? [] : this.#shared.filter((shared) => covers(shared, first.names));
    return latest([...heirs, first]);
  }

  /** Of several files for a name the first counts; of these and the shared ones, the one that began to be valid last. */
  #latest(names: readonly string[]): LoadedCertificate | undefined {
    const file = this.#loaded.find((loaded) => covers(loaded, names));
    const shared = this.#shared.filter((loaded) => covers(loaded, names));
    return latest(file === undefined ? shared : [...shared, file]);
  }

  #paths(): string[] {
    return [...new Set(this.#files.flatMap(({ cert, key }) => [cert, key]))];
  }
}

function covers(certificate: LoadedCertificate, names: readonly string[]): boolean {
  return names.every((name) => certificate.names.includes(name));
}

/** The first of those that began to be valid last. */
function latest(certificates: readonly LoadedCertificate[]): LoadedCertificate | undefined {
  return certificates.reduce<LoadedCertificate | undefined>(
    (best, each) => (best === undefined || each.notBefore > best.notBefore ? each : best),
    undefined,
  );
}
