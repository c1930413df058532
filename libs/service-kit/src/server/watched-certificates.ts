import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { experimental } from '@grpc/grpc-js';
import { StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '../telemetry/logger.ts';

export interface ClusterTlsFiles {
  ca: string;
  cert: string;
  key: string;
}

interface Pems {
  ca: Buffer;
  cert: Buffer;
  key: Buffer;
}

export interface WatchedCertificatesOptions {
  /** Key of the configuration that names the files, for messages. */
  tlsKey: string;
  logger?: Logger | undefined;
}

/** How often the files' times are looked at. */
const WATCH_INTERVAL_MS = 500;

/**
 * Authority, certificate and key of a process for grpc-js, read again when the files change; connections that stand stay as they
 * are. Files that cannot be used, as when one is half written or they do not belong together, change nothing.
 */
export class WatchedCertificates implements experimental.CertificateProvider {
  readonly #files: ClusterTlsFiles;
  readonly #options: WatchedCertificatesOptions;
  readonly #caListeners = new Set<experimental.CaCertificateUpdateListener>();
  readonly #identityListeners = new Set<experimental.IdentityCertificateUpdateListener>();
  readonly #onChange = () => this.reload();
  #pems: Pems;
  #watching = false;

  /** Throws `invalid-configuration` when the files cannot be used. */
  constructor(files: ClusterTlsFiles, options: WatchedCertificatesOptions) {
    this.#files = files;
    this.#options = options;
    this.#pems = this.#read();
  }

  /** Reads the files anew. */
  reload(): void {
    let fresh: Pems;
    try {
      fresh = this.#read();
    } catch (error) {
      this.#options.logger?.warn(
        { error },
        'the changed certificate of the cluster cannot be used; the one before stays',
      );
      return;
    }
    const before = this.#pems;
    if (fresh.ca.equals(before.ca) && fresh.cert.equals(before.cert) && fresh.key.equals(before.key)) return;
    this.#pems = fresh;
    this.#options.logger?.info({ cert: this.#files.cert }, 'the certificate of the cluster was loaded anew');
    for (const listener of this.#caListeners) this.#tellCa(listener);
    for (const listener of this.#identityListeners) this.#tellIdentity(listener);
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#caListeners.add(listener);
    this.#watch();
    // grpc-js listens before it is ready to hear.
    process.nextTick(() => this.#tellCa(listener));
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#caListeners.delete(listener);
    this.#watch();
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identityListeners.add(listener);
    this.#watch();
    process.nextTick(() => this.#tellIdentity(listener));
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identityListeners.delete(listener);
    this.#watch();
  }

  #tellCa(listener: experimental.CaCertificateUpdateListener): void {
    if (this.#caListeners.has(listener)) listener({ caCertificate: this.#pems.ca });
  }

  #tellIdentity(listener: experimental.IdentityCertificateUpdateListener): void {
    const { cert: certificate, key: privateKey } = this.#pems;
    if (this.#identityListeners.has(listener)) listener({ certificate, privateKey });
  }

  /** Files are watched while anybody listens. */
  #watch(): void {
    const wanted = this.#caListeners.size + this.#identityListeners.size > 0;
    if (wanted === this.#watching) return;
    this.#watching = wanted;
    const { ca, cert, key } = this.#files;
    for (const file of new Set([ca, cert, key])) {
      if (wanted) watchFile(file, { interval: WATCH_INTERVAL_MS, persistent: false }, this.#onChange);
      else unwatchFile(file, this.#onChange);
    }
    // They may have changed while nobody listened.
    if (wanted) this.reload();
  }

  #read(): Pems {
    const read = (name: keyof ClusterTlsFiles) => {
      try {
        return readFileSync(this.#files[name]);
      } catch (error) {
        throw this.#unusable(name, error);
      }
    };
    const pems = { ca: read('ca'), cert: read('cert'), key: read('key') };
    try {
      createSecureContext(pems);
    } catch (error) {
      throw this.#unusable('cert', error);
    }
    return pems;
  }

  #unusable(name: keyof ClusterTlsFiles, error: unknown): StoaError {
    const { message } = error as Error;
    return new StoaError(
      'invalid-configuration',
      `${this.#options.tlsKey}.${name}: ${message.includes(this.#files[name]) ? message : `${this.#files[name]}: ${message}`}`,
      { cause: error },
    );
  }
}
