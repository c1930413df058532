import { connect } from 'node:net';
import { StoaError } from '@stoa/plugin-sdk';
import { type Address, describeAddress } from './address.ts';

/** The part of a server's first line that tells whether it is the right one. */
export interface Greeting {
  readonly tlsOffered: boolean;
  readonly tlsRequired: boolean;
  /** The server wants a certificate of each client. */
  readonly tlsVerify: boolean;
  readonly maxPayload: number;
}

const LONGEST_GREETING = 64 * 1024;

/**
 * Reads what a NATS server says first, on a connection of its own that is closed whatever happens. The client would leave
 * its socket open when a server takes the connection and stays silent, and takes a stranger's words for a broken server.
 * Rejects with `unavailable` when there is nobody, `invalid-configuration` when it is something else.
 */
export function readGreeting(address: Address, timeoutMs: number): Promise<Greeting> {
  const place = `NATS at ${describeAddress(address)}`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.host, port: address.port });
    let heard = '';
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const fail = (message: string, cause?: unknown) =>
      end(() => reject(new StoaError('unavailable', `${place}: ${message}`, { cause })));
    const timer = setTimeout(
      () => fail('no greeting in time; check the address, and that it is a NATS server'),
      timeoutMs,
    );
    socket.on('error', (error: NodeJS.ErrnoException) =>
      fail(`cannot be reached (${error.code ?? error.message}); check the address, and that it runs`, error),
    );
    socket.on('close', () => fail('closed the connection'));
    socket.on('data', (octets) => {
      heard += octets.toString('latin1');
      const line = /^INFO (.*?)\r?\n/s.exec(heard)?.[1];
      if (line !== undefined) {
        const greeting = parse(line);
        if (greeting !== undefined) return end(() => resolve(greeting));
      }
      if (line !== undefined || !'INFO '.startsWith(heard.slice(0, 5)) || heard.length > LONGEST_GREETING)
        end(() => reject(new StoaError('invalid-configuration', `${place} is no NATS server; correct "servers"`)));
    });
  });
}

function parse(line: string): Greeting | undefined {
  try {
    const info = JSON.parse(line) as Record<string, unknown>;
    return {
      tlsOffered: info['tls_available'] === true || info['tls_required'] === true,
      tlsRequired: info['tls_required'] === true,
      tlsVerify: info['tls_verify'] === true,
      maxPayload: Number(info['max_payload'] ?? 0),
    };
  } catch {
    return undefined;
  }
}
