import { isIP } from 'node:net';

const DEFAULT_PORT = 4222;

export interface Address {
  readonly host: string;
  readonly port: number;
  /** Asked for with tls:// */
  readonly secure: boolean;
  /** Name by which the server was configured, where the cluster tells its address alone; its certificate holds that. */
  readonly knownAs?: string | undefined;
}

/** "host[:port]", nats://host[:port] or tls://host[:port]; undefined for anything else. */
export function parseServer(text: string): Address | undefined {
  const [, scheme, rest = ''] = /^(?:(nats|tls):\/\/)?([^/]*)\/?$/.exec(text) ?? [];
  const bracketed = isIP(rest) === 6 ? `[${rest}]` : rest;
  if (bracketed === '' || /[\s?#\\]/.test(bracketed)) return undefined;
  // A scheme without a port of its own, so that each port is told.
  if (!URL.canParse(`nats://${bracketed}`)) return undefined;
  const { hostname, port } = new URL(`nats://${bracketed}`);
  if (hostname === '' || port === '0') return undefined;
  const host = hostname.replace(/^\[|\]$/g, '');
  return { host, port: port === '' ? DEFAULT_PORT : Number(port), secure: scheme === 'tls' };
}

export function describeAddress({ host, port }: Address): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The configured servers, then those that the cluster names (as it names them) through a server that was reached. */
export function withDiscovered(
  configured: readonly Address[],
  urls: readonly string[],
  through: Address | undefined,
): Address[] {
  const all = new Map(configured.map((address) => [describeAddress(address), address]));
  for (const url of urls) {
    const found = parseServer(url);
    if (found === undefined) continue;
    const name = through?.knownAs ?? through?.host;
    const knownAs = name === undefined || isIP(name) !== 0 || isIP(found.host) === 0 ? undefined : name;
    const key = describeAddress(found);
    if (!all.has(key)) all.set(key, { ...found, secure: through?.secure ?? false, knownAs });
  }
  return [...all.values()];
}
