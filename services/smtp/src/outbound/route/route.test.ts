import { describe, expect, it } from 'vitest';
import { fakeResolver, type Zone } from '../../../test/outbound/harness.ts';
import { outboundConfig } from '../config.ts';
import { DeliveryFailure } from '../result.ts';
import { isPrivateAddress } from './address-policy.ts';
import { routeOf } from './route.ts';

const servfail = Object.assign(new Error('SERVFAIL'), { code: 'ESERVFAIL' });

async function route(
  zone: Zone,
  domain = 'remote.test',
  config: Parameters<typeof outboundConfig.parse>[0] = {},
  random = () => 0.5,
): Promise<string[] | string> {
  const destination = routeOf(domain, {
    config: outboundConfig.parse(config),
    resolver: fakeResolver(zone),
    ownName: 'stoa.example.test',
    ownAddresses: () => new Set(['8.8.8.8']),
    random,
  });
  const found: string[] = [];
  try {
    for await (const { host, address, port } of destination.targets()) found.push(`${host} ${address}:${port}`);
  } catch (error) {
    if (!(error instanceof DeliveryFailure)) throw error;
    return error.status;
  }
  return found;
}

const mx = (...records: [number, string][]): Zone['mx'] => ({
  'remote.test': records.map(([priority, exchange]) => ({ priority, exchange })),
});

describe('routeOf', () => {
  it('goes by preference, each host with IPv6 before IPv4', async () => {
    const zone = {
      mx: mx([20, 'b.test'], [10, 'A.test.'], [30, 'gone.test']),
      addresses: { 'a.test': ['1.1.1.1', '2606:4700::1'], 'b.test': ['1.1.1.2'] },
    };
    expect(await route(zone)).toEqual(['a.test 2606:4700::1:25', 'a.test 1.1.1.1:25', 'b.test 1.1.1.2:25']);
    expect(await route(zone, 'remote.test', { 'address-family': 'ipv4' })).toEqual([
      'a.test 1.1.1.1:25',
      'b.test 1.1.1.2:25',
    ]);
  });

  it('leaves the order among equals to chance', async () => {
    const zone = {
      mx: mx([10, 'a.test'], [10, 'b.test']),
      addresses: { 'a.test': ['1.1.1.1'], 'b.test': ['1.1.1.2'] },
    };
    const with_ = (...draws: number[]) => route(zone, 'remote.test', {}, () => draws.shift() ?? 0);
    expect(await with_(0.1, 0.2)).toEqual(['a.test 1.1.1.1:25', 'b.test 1.1.1.2:25']);
    expect(await with_(0.2, 0.1)).toEqual(['b.test 1.1.1.2:25', 'a.test 1.1.1.1:25']);
  });

  it('takes the domain itself where it has no MX, and an address literal as it is', async () => {
    expect(await route({ addresses: { 'remote.test': ['1.1.1.1'] } })).toEqual(['remote.test 1.1.1.1:25']);
    expect(await route({}, '[1.1.1.1]')).toEqual(['1.1.1.1 1.1.1.1:25']);
    expect(await route({}, '[IPv6:2606:4700::1]')).toEqual(['2606:4700::1 2606:4700::1:25']);
  });

  it.each<[string, Zone, string]>([
    ['a null MX', { mx: mx([0, '']) }, '5.1.10'],
    ['no such domain', {}, '5.1.2'],
    ['MX that do not exist', { mx: mx([10, 'gone.test']) }, '5.4.4'],
    ['MX that are addresses', { mx: mx([10, '1.1.1.1']) }, '5.4.4'],
    ['DNS that fails', { mx: { 'remote.test': servfail } }, '4.4.3'],
    ['DNS that fails for the host', { mx: mx([10, 'a.test']), addresses: { 'a.test': servfail } }, '4.4.3'],
    ['private addresses', { addresses: { 'remote.test': ['10.0.0.1', '127.0.0.1', '::1'] } }, '5.4.4'],
    ['our own address', { addresses: { 'remote.test': ['8.8.8.8'] } }, '5.4.4'],
    ['ourselves as the best MX', { mx: mx([10, 'STOA.example.test'], [20, 'a.test']) }, '5.4.6'],
  ])('refuses %s', async (_, zone, status) => {
    expect(await route(zone)).toBe(status);
  });

  it('leaves out servers that are no better than ourselves', async () => {
    const zone = {
      mx: mx([10, 'a.test'], [20, 'stoa.example.test'], [20, 'b.test'], [30, 'c.test']),
      addresses: { 'a.test': ['1.1.1.1'], 'b.test': ['1.1.1.2'], 'c.test': ['1.1.1.3'] },
    };
    expect(await route(zone)).toEqual(['a.test 1.1.1.1:25']);
  });

  it('takes private addresses where they are allowed, or configured', async () => {
    const zone = { addresses: { 'remote.test': ['10.0.0.1'] } };
    expect(await route(zone, 'remote.test', { 'allow-private-addresses': true })).toEqual(['remote.test 10.0.0.1:25']);
    const routes = { 'Remote.test': '127.0.0.1:2525', 'six.test': '[::1]:2526', 'name.test': 'localhost:2527' };
    expect(await route({}, 'remote.test', { routes })).toEqual(['127.0.0.1 127.0.0.1:2525']);
    expect(await route({}, 'six.test', { routes })).toEqual(['::1 ::1:2526']);
    expect(await route({}, 'name.test', { routes })).toEqual(['localhost 127.0.0.1:2527']);
    expect(await route({}, 'other.test', { smarthost: { host: 'gone.test' } })).toBe('4.4.4');
  });
});

describe('isPrivateAddress', () => {
  it.each([
    ...[
      '10.1.2.3',
      '127.0.0.2',
      '169.254.169.254',
      '172.31.0.1',
      '192.168.0.1',
      '100.64.0.1',
      '0.0.0.0',
      '255.255.255.255',
    ],
    ...['224.0.0.1', '::1', '::', 'fe80::1', 'fe80::1%eth0', 'fd00::1', 'ff02::1', '2001:db8::1'],
    ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:a00:1', '64:ff9b::10.0.0.1', '2002:7f00:1::', 'no address'],
  ])('%s', (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });

  it.each([
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1',
    '::ffff:1.1.1.1',
    '64:ff9b::1.1.1.1',
    '2002:101:101::',
  ])('not %s', (address) => {
    expect(isPrivateAddress(address)).toBe(false);
  });
});
