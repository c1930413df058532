import type { Client, storage } from '@stoa/contracts';
import { toStoaError } from '@stoa/plugin-sdk';
import { Backoff } from '../backoff.ts';
import type { EventClient } from '../events/types.ts';
import type { Logger } from '../telemetry/logger.ts';
import { certificateId, serverNames } from './certificate-facts.ts';
import type { FileCertificateStore } from './certificate-store.ts';
import type { ClusterSecret } from './key-seal.ts';
import { type LoadedCertificate, loadCertificate, type TlsVersion } from './loaded-certificate.ts';

export interface SharedCertificatesOptions {
  client: Client<typeof storage.CertificateServiceDefinition>;
  secret: ClusterSecret;
  store: FileCertificateStore;
  events: Pick<EventClient, 'subscribe'>;
  logger: Logger;
  nodeId: string;
  minVersion?: TlsVersion;
  /** Whether the certificates of this node's files are put where all nodes find them. */
  puts: boolean;
  /** Waits; gives up early when the signal aborts. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Longest time that a start waits for the certificates; it goes on without them then, and they come later. */
const FIRST_LOAD_MS = 3_000;
const CALL_TIMEOUT_MS = 10_000;
const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 10_000;

type Kept = Pick<storage.Certificate, 'fingerprint' | 'notBefore'>;

/**
 * The certificates that the nodes of a cluster share: read from the data store at the start, when one is said to have changed,
 * and when such news may have been lost. Those of this node's files are put there when they are newer.
 */
export class SharedCertificates {
  readonly #options: SharedCertificatesOptions;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  /** Those in use, by id. */
  readonly #open = new Map<string, LoadedCertificate>();
  /** Fingerprints of those that could not be used, so that each is told of once. */
  readonly #refused = new Map<string, string>();
  /** Fingerprints of files that were replaced while this process runs. */
  readonly #replaced = new Set<string>();
  /** Fingerprints of files that are for no name. */
  readonly #nameless = new Set<string>();
  #unsubscribe: () => void = () => {};
  #wanted = false;
  #running: Promise<void> | undefined;

  constructor(options: SharedCertificatesOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ minMs: RETRY_MIN_MS, maxMs: RETRY_MAX_MS, wait: options.wait });
  }

  /** Resolves when the certificates are loaded; after some seconds also without. */
  async start(): Promise<void> {
    const { events, store } = this.#options;
    const unsubscribe = [
      events.subscribe({
        event: ({ kind }) => {
          if (kind?.$case === 'certificateChanged') this.refresh();
        },
        gap: () => this.refresh(),
      }),
      store.onReload((changed) => {
        for (const { fingerprint } of changed) this.#replaced.add(fingerprint);
        this.refresh();
      }),
    ];
    this.#unsubscribe = () => {
      for (const end of unsubscribe) end();
    };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FIRST_LOAD_MS);
    });
    await Promise.race([this.refresh(), late]);
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stop.abort();
    await this.#running;
  }

  /** Reads anew, and once more when it was asked for meanwhile. Resolves when it was done. */
  refresh(): Promise<void> {
    this.#wanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#wanted && !this.#stop.signal.aborted) {
      this.#wanted = false;
      try {
        const kept = await this.#load();
        // What was put is read as every node reads it.
        if (this.#options.puts && (await this.#put(kept))) this.#wanted = true;
        this.#backoff.reset();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#options.logger.warn({ error: toStoaError(error) }, 'the shared certificates cannot be read or put now');
        this.#wanted = true;
        await this.#backoff.wait(this.#stop.signal);
      }
    }
  }

  /** Returns what the data store has, by id. */
  async #load(): Promise<Map<string, Kept>> {
    const { client, store } = this.#options;
    const call = { signal: this.#stop.signal, timeoutMs: CALL_TIMEOUT_MS };
    const kept = new Map<string, Kept>();
    for await (const { certificates } of client.listCertificates({}, call)) {
      for (const { id, fingerprint, notBefore } of certificates) kept.set(id, { fingerprint, notBefore });
    }
    for (const id of this.#open.keys()) if (!kept.has(id)) this.#open.delete(id);
    for (const id of this.#refused.keys()) if (!kept.has(id)) this.#refused.delete(id);
    const ids = [...kept]
      .filter(([id, { fingerprint }]) => this.#open.get(id)?.fingerprint !== fingerprint)
      .filter(([id, { fingerprint }]) => this.#refused.get(id) !== fingerprint)
      .map(([id]) => id);
    if (ids.length > 0) {
      for await (const { certificates } of client.getCertificates({ ids }, call)) {
        for (const each of certificates) this.#take(each);
      }
    }
    store.setShared([...this.#open.values()]);
    return kept;
  }

  /** A bad one is not used, and the one before stays. */
  #take({ certificate, chain, sealedKey }: storage.GetCertificatesResponse_StoredCertificate): void {
    if (certificate === undefined) return;
    const { secret, minVersion = '1.2', logger } = this.#options;
    const { id, names, fingerprint } = certificate;
    try {
      const key = secret.open(sealedKey, fingerprint);
      const loaded = loadCertificate({ chain: Buffer.from(chain), key, names }, minVersion);
      if (loaded.fingerprint !== fingerprint)
        throw new Error('the certificate is not the one that its fingerprint names');
      this.#open.set(id, loaded);
      this.#refused.delete(id);
    } catch (error) {
      this.#refused.set(id, fingerprint);
      logger.warn({ error, id, names }, 'a shared certificate cannot be used; the one before stays');
    }
  }

  /** Puts those of this node's files that are newer. Returns whether any was. */
  async #put(kept: ReadonlyMap<string, Kept>): Promise<boolean> {
    const { client, secret, store, logger, nodeId } = this.#options;
    let any = false;
    for (const { names: written, fingerprint, notBefore, chain, key } of store.ofFiles) {
      const names = this.#shareable(written, fingerprint);
      if (names === undefined) continue;
      const known = kept.get(certificateId(names));
      // Of two that began to be valid at the same time the one that came last counts.
      const isNewer =
        known === undefined ||
        known.notBefore < notBefore ||
        (known.notBefore === notBefore && this.#replaced.has(fingerprint));
      if (!isNewer || known?.fingerprint === fingerprint) continue;
      const { stored } = await client.putCertificate(
        {
          names,
          chain: Buffer.from(chain).toString('utf8'),
          sealedKey: secret.seal(key, fingerprint),
          source: nodeId,
        },
        { signal: this.#stop.signal, timeoutMs: CALL_TIMEOUT_MS },
      );
      this.#replaced.delete(fingerprint);
      any ||= stored;
      if (stored) logger.info({ names }, 'the certificate of this node is shared with the others');
    }
    return any;
  }

  /** Undefined for a certificate that cannot be found by a name; told of once. */
  #shareable(written: readonly string[], fingerprint: string): string[] | undefined {
    try {
      if (written.length > 0) return serverNames(written);
    } catch {}
    if (!this.#nameless.has(fingerprint)) {
      this.#nameless.add(fingerprint);
      this.#options.logger.warn({ names: written }, 'a certificate without good server names is not shared');
    }
    return undefined;
  }
}
