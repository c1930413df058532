import { resolve } from 'node:path';
import { metrics } from '@opentelemetry/api';
import { type DriverKind, toStoaError } from '@stoa/plugin-sdk';
import { changedKeys } from '../config/changes.ts';
import { type ConfigDocument, sectionNames } from '../config/load.ts';
import { pickKeys } from '../config/pick.ts';
import { type CoreConfig, DRIVER_SECTIONS } from '../config/sections.ts';
import { readDriverSection } from '../plugins/host.ts';
import type { Service, ServiceModule, ServiceName } from '../service.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { CertificateFiles, FileCertificateStore } from '../tls/certificate-store.ts';

export interface ReloadResult {
  /** Keys that changed and hold from now on, such as "smtp.max-connections". */
  applied: readonly string[];
  /** Keys that changed and hold after a restart of the process. */
  restart: readonly string[];
}

export interface ConfigReloaderOptions {
  document: ConfigDocument;
  modules: readonly ServiceModule[];
  core: CoreConfig;
  configs: ReadonlyMap<ServiceName, unknown>;
  /** Services of this process. */
  running: ReadonlyMap<ServiceName, Service>;
  /** Kinds of drivers that this process uses. */
  drivers: () => readonly DriverKind[];
  certificates: FileCertificateStore;
  logger: Logger;
}

/** Keys of the sections that every process has, and that need no restart. */
const LIVE_CORE_KEYS: ReadonlySet<string> = new Set(['telemetry.log-level', 'tls.certificates']);

type Table = Record<string, unknown>;

/** Reads the configuration of a process anew: all of it is checked before any of it is taken over. */
export class ConfigReloader {
  readonly #options: ConfigReloaderOptions;
  /** As the process runs now. */
  #core: CoreConfig;
  readonly #configs: Map<ServiceName, unknown>;
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;
  readonly #reloads = metrics.getMeter('@stoa/service-kit').createCounter('config_reloads', {
    description: 'Times that the configuration was read anew, by result.',
  });

  constructor(options: ConfigReloaderOptions) {
    this.#options = options;
    this.#core = options.core;
    this.#configs = new Map(options.configs);
    metrics
      .getMeter('@stoa/service-kit')
      .createObservableGauge('config_restart_needed', {
        description: 'Keys of the configuration that changed and hold only after a restart of this process.',
      })
      .addCallback((result) => result.observe(this.#pending));
  }

  /** One at a time. Rejects with `invalid-configuration`; then everything stays as it was, and the log tells why. */
  reload(cause: string): Promise<ReloadResult> {
    const turn = this.#last.then(() => this.#run(cause));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #run(cause: string): Promise<ReloadResult> {
    const { logger } = this.#options;
    try {
      const result = await this.#replace();
      this.#reloads.add(1, { result: 'applied' });
      this.#pending = result.restart.length;
      logger.info({ cause, ...result }, 'the configuration was read anew');
      if (result.restart.length > 0) logger.warn({ restart: result.restart }, 'some changes need a restart');
      return result;
    } catch (error) {
      const failure = toStoaError(error);
      this.#reloads.add(1, { result: 'refused' });
      logger.error({ cause, error: failure }, 'the configuration is refused; the one before stays');
      throw failure;
    }
  }

  async #replace(): Promise<ReloadResult> {
    const { document, modules, running, certificates, logger } = this.#options;
    const fresh = document.reread();
    fresh.checkSectionNames(sectionNames(modules.map(({ name }) => name)));
    const core = fresh.core();
    const configs = new Map(modules.map((module) => [module.name, fresh.section(module.name, module.configSchema)]));
    for (const kind of DRIVER_SECTIONS) if (fresh.has(kind)) await readDriverSection(fresh, kind);
    const replaceCertificates = certificates.prepare(certificateFiles(core, fresh.folder));

    const applied: string[] = [];
    const restart = this.#changedDrivers(fresh);
    for (const key of changedKeys(this.#core, core)) (LIVE_CORE_KEYS.has(key) ? applied : restart).push(key);
    if (applied.includes('tls.certificates')) replaceCertificates();
    if (applied.includes('telemetry.log-level')) logger.setLevel?.(core.telemetry['log-level']);
    this.#core = {
      ...this.#core,
      tls: { ...this.#core.tls, certificates: core.tls.certificates },
      telemetry: { ...this.#core.telemetry, 'log-level': core.telemetry['log-level'] },
    };
    for (const module of modules) {
      const service = running.get(module.name);
      if (service === undefined) continue;
      const changes = this.#reloadService(module, service, configs.get(module.name) as Table);
      applied.push(...changes.applied);
      restart.push(...changes.restart);
    }
    return { applied: applied.sort(), restart: restart.sort() };
  }

  #reloadService(module: ServiceModule, service: Service, config: Table): ReloadResult {
    const before = this.#configs.get(module.name) as Table;
    const live = service.reload === undefined ? [] : (module.liveKeys ?? []);
    const isLive = (key: string) => live.includes(key.split('.', 1)[0] as string);
    const changed = changedKeys(before, config);
    const named = (keys: string[]) => keys.map((key) => `${module.name}.${key}`);
    const applied = changed.filter(isLive);
    if (applied.length > 0) {
      service.reload?.(config);
      this.#configs.set(module.name, { ...before, ...pickKeys(config, live) });
    }
    return { applied: named(applied), restart: named(changed.filter((key) => !isLive(key))) };
  }

  /** Sections of drivers that this process uses, as they are written. */
  #changedDrivers(fresh: ConfigDocument): string[] {
    const { document, drivers } = this.#options;
    return drivers().flatMap((kind) => changedKeys(document.raw(kind), fresh.raw(kind), kind));
  }
}

/** The files of the certificates, absolute. */
export function certificateFiles(core: CoreConfig, folder: string): CertificateFiles[] {
  return core.tls.certificates.map(({ cert, key, names }) => ({
    cert: resolve(folder, cert),
    key: resolve(folder, key),
    names,
  }));
}
