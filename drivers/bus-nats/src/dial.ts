import { isIP } from 'node:net';
import { MAX_BUS_PAYLOAD_BYTES, StoaError } from '@stoa/plugin-sdk';
import { type ConnectionOptions, connect, type NatsConnection } from 'nats';
import { type Address, describeAddress } from './address.ts';
import { natsError } from './errors.ts';
import { type Greeting, readGreeting } from './greeting.ts';
import type { Settings, TlsSettings } from './settings.ts';

/**
 * One connection to one server, which ends for good when it is lost: the client's own reconnecting keeps messages and
 * sends them later, when their publishers were told otherwise.
 */
export async function dial(settings: Settings, address: Address, role = ''): Promise<NatsConnection> {
  const { tls, connectTimeout, login, loginKeys } = settings;
  const place = `NATS at ${describeAddress(address)}`;
  const greeting = await readGreeting(address, connectTimeout);
  refuseUnfit(place, tls, greeting);
  const options: ConnectionOptions = {
    servers: [describeAddress(address)],
    name: settings.name + role,
    timeout: connectTimeout,
    reconnect: false,
    // The system resolves names: its hosts file counts too.
    resolve: false,
    ignoreClusterUpdates: false,
    noAsyncTraces: true,
    pingInterval: settings.pingInterval,
    maxPingOut: settings.maxPings,
    tls: tls === undefined ? null : tlsOptions(tls, address),
    ...(login === undefined ? {} : { authenticator: login }),
  };
  try {
    return await connect(options);
  } catch (error) {
    throw natsError(error, place, loginKeys);
  }
}

function refuseUnfit(place: string, tls: TlsSettings | undefined, greeting: Greeting): void {
  const { tlsOffered, tlsRequired, tlsVerify, maxPayload } = greeting;
  const secure = tls !== undefined;
  const refuse = (message: string) => {
    throw new StoaError('invalid-configuration', `${place} ${message}`);
  };
  if (tlsRequired && !secure) refuse('asks for TLS: write tls:// in "servers", or set "tls"');
  if (secure && !tlsOffered) refuse('offers no TLS: remove "tls", or give the server a certificate');
  if (secure && tlsVerify && tls.cert === undefined) refuse('wants a certificate: set "cert" and "key" of "tls"');
  if (maxPayload < MAX_BUS_PAYLOAD_BYTES)
    refuse(`takes messages of ${maxPayload} octets only: raise its max_payload to ${MAX_BUS_PAYLOAD_BYTES}`);
}

/** The client hands these to `tls.connect`, which compares certificates with `servername`, or else with `host`. */
function tlsOptions(tls: TlsSettings, { host, knownAs }: Address): ConnectionOptions['tls'] {
  const name = tls.serverName ?? knownAs ?? host;
  const { ca, cert, key } = tls;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    host: name,
    servername: isIP(name) === 0 ? name : '',
  } as ConnectionOptions['tls'];
}
