import { isIPv4, isIPv6 } from 'node:net';

/**
 * The network that counts as one client: an IPv4 address, or the /64 of an IPv6 address, since whoever has one address of
 * it has them all. Empty for what is no IP address.
 */
export function clientNetwork(address: string): string {
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return '';
  const bare = address.split('%', 1)[0] as string;
  // The URL parser writes every form in the one of RFC 5952, an IPv4 address at the end included.
  const canonical = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...before, ...new Array<string>(8 - before.length - after.length).fill('0'), ...after].map((group) =>
    Number.parseInt(group, 16),
  );
  const [high = 0, low = 0] = groups.slice(6);
  // ::ffff:192.0.2.1 is an IPv4 client on a socket of both kinds.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}
