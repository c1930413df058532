import { promises as dns } from 'node:dns';
import { type Address, formatAddress } from '@stoa/service-kit';

export interface MxRecord {
  readonly exchange: string;
  readonly priority: number;
}

/** What DNS says of a name. `missing`: there is no such name, or none of such records. Rejects when it cannot be known now. */
export interface DnsResolver {
  mx(domain: string): Promise<MxRecord[] | 'missing'>;
  addresses(name: string, family: 4 | 6): Promise<string[] | 'missing'>;
  /** Addresses of a host that the configuration names, which the system may know from elsewhere. */
  hostAddresses(name: string): Promise<string[] | 'missing'>;
}

const MISSING: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA', 'ENONAME']);

/** Asks the given DNS servers, or the system's. */
export function createResolver(servers: readonly Address[]): DnsResolver {
  const resolver = new dns.Resolver({ timeout: 5_000, tries: 3 });
  if (servers.length > 0) resolver.setServers(servers.map(formatAddress));
  const addresses = (name: string, family: 4 | 6) =>
    known(family === 4 ? resolver.resolve4(name) : resolver.resolve6(name));
  return {
    mx: (domain) => known(resolver.resolveMx(domain)),
    addresses,
    async hostAddresses(name) {
      if (servers.length > 0) {
        const found = await Promise.all([addresses(name, 6), addresses(name, 4)]);
        const all = found.flatMap((list) => (list === 'missing' ? [] : list));
        if (all.length > 0) return all;
      }
      const found = await known(dns.lookup(name, { all: true }));
      return found === 'missing' ? found : found.map((entry) => entry.address);
    },
  };
}

async function known<T>(answer: Promise<T[]>): Promise<T[] | 'missing'> {
  try {
    const records = await answer;
    return records.length === 0 ? 'missing' : records;
  } catch (error) {
    if (MISSING.has((error as { code?: unknown }).code)) return 'missing';
    throw error;
  }
}
