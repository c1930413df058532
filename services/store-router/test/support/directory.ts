import type { coordinator } from '@stoa/contracts';
import type { DataStore } from '@stoa/plugin-sdk';
import { Accounts } from '../../src/account/index.ts';
import { Authenticator } from '../../src/auth/authenticator.ts';
import { authConfig } from '../../src/auth/config.ts';
import { LoginLimits } from '../../src/auth/login-limits.ts';
import { Directory } from '../../src/directory/directory.ts';
import { directoryService } from '../../src/directory/service.ts';
import { MemoryDataStore } from './memory-data-store.ts';
import { MemoryMemoryStore } from './memory-memory-store.ts';

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  fields: object;
  message: string;
}

export function testLogger() {
  const lines: LogLine[] = [];
  const at = (level: LogLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, fields, message });
  const logger = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return logger;
}

export interface DirectoryTestOptions {
  store?: DataStore;
  clock?: { now: number };
  postmaster?: string;
  auth?: Record<string, unknown>;
}

/** A directory on a store in memory, with its service. */
export function testDirectory(options: DirectoryTestOptions = {}) {
  const clock = options.clock ?? { now: 1_700_000_000_000 };
  const now = () => clock.now;
  const store = options.store ?? new MemoryDataStore();
  const memory = new MemoryMemoryStore(now);
  const logger = testLogger();
  const events: NonNullable<coordinator.Event['kind']>[] = [];
  const publish = (event: NonNullable<coordinator.Event['kind']>) => void events.push(event);
  const accounts = new Accounts(store, { cacheBytes: 1 << 20, now, delay: async () => {}, random: () => 0 });
  const directory = new Directory({ store, accounts, now, postmaster: options.postmaster });
  const config = authConfig.parse(options.auth ?? {});
  const limits = new LoginLimits({
    memory,
    config,
    now,
    logger,
    block: (address, network, until) => publish({ $case: 'addressBlocked', value: { address, network, until } }),
  });
  const authenticator = new Authenticator({ directory, limits, config, now, logger });
  const service = directoryService({ directory, authenticator, limits, accounts, publish });
  return { clock, store, memory, logger, events, accounts, directory, config, limits, authenticator, service };
}
