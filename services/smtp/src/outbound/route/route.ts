import { isIP } from 'node:net';
import { ENHANCED_STATUS as S } from '@stoa/mail';
import type { OutboundConfig, Smarthost, TlsMode } from '../config.ts';
import { DeliveryFailure } from '../result.ts';
import { isPrivateAddress } from './address-policy.ts';
import { mailExchangers } from './mx.ts';
import type { DnsResolver } from './resolver.ts';

/** Where mail for a domain goes. */
export interface Destination {
  /** Deliveries with the same key may share connections. */
  readonly key: string;
  readonly tls: TlsMode;
  readonly implicitTls: boolean;
  readonly login: { username: string; password: NonNullable<Smarthost['password']> } | undefined;
  /** DNS chose the servers: private addresses and this server itself are refused. */
  readonly fromDns: boolean;
  /**
   * Addresses to try, the best first; looked up as they are asked for. Throws a DeliveryFailure, before the first or after
   * the last, where there is none to try.
   */
  targets(): AsyncGenerator<Target, void, undefined>;
}

export interface Target {
  /** The server's name, as its certificate should have it. */
  readonly host: string;
  /** IP address. */
  readonly address: string;
  readonly port: number;
}

export interface RouteOptions {
  readonly config: OutboundConfig;
  readonly resolver: DnsResolver;
  readonly ownName: string;
  readonly ownAddresses: () => ReadonlySet<string>;
  /** Between 0 and 1. */
  readonly random: () => number;
}

/** Finds the destination of a domain: its own route, the smarthost, or its MX records. */
export function routeOf(domain: string, options: RouteOptions): Destination {
  const { config } = options;
  const route = Object.hasOwn(config.routes, domain) ? config.routes[domain] : undefined;
  const { smarthost } = config;
  if (route?.host === undefined && smarthost !== undefined) {
    const { host, port, tls, implicit, username, password } = smarthost;
    return {
      key: 'smarthost',
      tls,
      implicitTls: implicit,
      login: username === undefined || password === undefined ? undefined : { username, password },
      fromDns: false,
      targets: () => configuredTargets(host, port, options),
    };
  }
  const plain = { tls: route?.tls ?? config.tls, implicitTls: false, login: undefined };
  if (route?.host !== undefined) {
    const { host, port } = route.host;
    return {
      ...plain,
      key: `route ${host}:${port} ${plain.tls}`,
      fromDns: false,
      targets: () => configuredTargets(host, port, options),
    };
  }
  return { ...plain, key: `mx ${domain}`, fromDns: true, targets: () => dnsTargets(domain, options) };
}

async function* configuredTargets(host: string, port: number, { config, resolver }: RouteOptions) {
  const name = host.replace(/^\[(.*)\]$/, '$1');
  const found = isIP(name) === 0 ? await hostAddresses(resolver, name) : [name];
  const wanted = found.filter((address) => isWanted(address, config));
  if (wanted.length === 0) throw new DeliveryFailure('4.4.4', `the configured host ${host} has no address`);
  for (const address of wanted) yield { host: name, address, port };
}

async function hostAddresses(resolver: DnsResolver, name: string): Promise<string[]> {
  try {
    const found = await resolver.hostAddresses(name);
    return found === 'missing' ? [] : found;
  } catch (cause) {
    throw new DeliveryFailure(S.tempDirectoryFailure, `the configured host ${name} cannot be looked up now`, { cause });
  }
}

async function* dnsTargets(domain: string, options: RouteOptions): AsyncGenerator<Target, void, undefined> {
  const { config, resolver, ownName, random } = options;
  const literal = /^\[(?:IPv6:)?([0-9a-f:.]+)\]$/i.exec(domain)?.[1];
  const hosts = literal === undefined ? await mailExchangers(resolver, domain, ownName, random) : [literal];
  let found = 0;
  let refused = 0;
  let unknown: unknown;
  for (const host of hosts) {
    let addresses: string[];
    try {
      addresses = literal === undefined ? await addressesOf(resolver, host, config) : [literal];
    } catch (cause) {
      unknown = cause;
      continue;
    }
    for (const address of addresses) {
      if (!isWanted(address, config) || isRefused(address, options)) refused += 1;
      else {
        found += 1;
        yield { host, address, port: config.port };
      }
    }
  }
  if (found > 0) return;
  if (unknown !== undefined) {
    throw new DeliveryFailure(S.tempDirectoryFailure, 'the servers of the domain cannot be looked up now', {
      cause: unknown,
    });
  }
  if (refused > 0)
    throw new DeliveryFailure('5.4.4', 'the servers of the domain have no address that mail may be sent to');
  throw hosts.length === 1 && hosts[0] === domain
    ? new DeliveryFailure(S.badDomain, 'the domain does not exist, or has no server for mail')
    : new DeliveryFailure('5.4.4', 'the servers that the domain names do not exist');
}

async function addressesOf(resolver: DnsResolver, host: string, config: OutboundConfig): Promise<string[]> {
  const families = ([6, 4] as const).filter((family) => config['address-family'] !== (family === 6 ? 'ipv4' : 'ipv6'));
  const found = await Promise.allSettled(families.map((family) => resolver.addresses(host, family)));
  const addresses = found.flatMap((one) => (one.status === 'fulfilled' && one.value !== 'missing' ? one.value : []));
  const failed = found.find((one) => one.status === 'rejected');
  if (addresses.length === 0 && failed !== undefined) throw failed.reason;
  return addresses;
}

function isWanted(address: string, config: OutboundConfig): boolean {
  const wanted = config['address-family'];
  return wanted === 'any' || isIP(address) === (wanted === 'ipv4' ? 4 : 6);
}

function isRefused(address: string, { config, ownAddresses }: RouteOptions): boolean {
  return !config['allow-private-addresses'] && (isPrivateAddress(address) || ownAddresses().has(address));
}
