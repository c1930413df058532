import { isIP } from 'node:net';
import { ENHANCED_STATUS as S } from '@stoa/mail';
import { DeliveryFailure } from '../result.ts';
import type { DnsResolver, MxRecord } from './resolver.ts';

/** More records than these are nobody's need. */
const MAX_RECORDS = 50;

/**
 * Names of the servers for a domain, the best first and chance among equals (RFC 5321 section 5.1). From a list with this
 * host on it, those as good or worse are left out, so that mail does not run in circles.
 * @throws DeliveryFailure where there are none, or this is not known
 */
export async function mailExchangers(
  resolver: DnsResolver,
  domain: string,
  ownName: string,
  random: () => number,
): Promise<string[]> {
  const records = await lookUp(resolver, domain);
  if (records === 'missing') {
    // No MX: the domain itself is the server.
    return [domain];
  }
  const hosts = records
    .slice(0, MAX_RECORDS)
    .map(({ exchange, priority }) => ({ name: exchange.toLowerCase().replace(/\.$/, ''), priority, order: random() }));
  if (hosts.every(({ name }) => name === '')) {
    throw new DeliveryFailure(S.nullMx, 'the domain takes no mail (null MX)');
  }
  const named = hosts.filter(({ name }) => name !== '' && isIP(name) === 0);
  const own = named.filter(({ name }) => name === ownName.toLowerCase()).map(({ priority }) => priority);
  const limit = own.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...own);
  const better = named.filter(({ priority }) => priority < limit);
  if (better.length === 0) {
    throw own.length > 0
      ? new DeliveryFailure(S.routingLoop, 'the mail comes back to this server: it is the best MX of the domain')
      : new DeliveryFailure('5.4.4', 'the MX records of the domain name no server');
  }
  better.sort((a, b) => a.priority - b.priority || a.order - b.order);
  return [...new Set(better.map(({ name }) => name))];
}

async function lookUp(resolver: DnsResolver, domain: string): Promise<MxRecord[] | 'missing'> {
  try {
    return await resolver.mx(domain);
  } catch (cause) {
    throw new DeliveryFailure(S.tempDirectoryFailure, 'the MX records of the domain cannot be looked up now', {
      cause,
    });
  }
}
