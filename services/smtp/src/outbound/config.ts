import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { address, byteSize, duration, parseAddress, path, secret } from '@stoa/service-kit';
import { z } from 'zod';

const TLS_MODES = ['none', 'opportunistic', 'require', 'verify'] as const;

/**
 * none: never. opportunistic: where it is offered, whoever the certificate names, and in the clear where it fails. require:
 * TLS or no delivery, whoever the certificate names. verify: TLS with a certificate of the server's name, or no delivery.
 */
export type TlsMode = (typeof TLS_MODES)[number];

const tlsMode = () => z.enum(TLS_MODES);

const certificates = () =>
  path().transform((file, context) => {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      context.addIssue({ code: 'custom', message: `cannot read the certificates: ${(error as Error).message}` });
      return z.NEVER;
    }
  });

const routeObject = z.strictObject({
  host: address().optional().describe('Host and port to deliver to; without it the MX records tell.'),
  tls: tlsMode().optional().describe('As `tls`, for this domain.'),
});

const route = z.union([
  z.string().transform((text, context): z.output<typeof routeObject> => {
    const host = parseAddress(text);
    if (host !== undefined) return { host };
    context.addIssue({ code: 'custom', message: 'expected host and port, such as "mx.example.org:25", or a table' });
    return z.NEVER;
  }),
  routeObject,
]);

const smarthost = z
  .strictObject({
    host: z.string().min(1).describe('Name or IP address.'),
    port: z.int().min(1).max(65535).default(587).describe('Port.'),
    tls: tlsMode().default('verify').describe('As `tls`, for this host.'),
    implicit: z.boolean().default(false).describe('The connection begins with TLS (port 465).'),
    username: z.string().min(1).optional().describe('Name to log in with.'),
    password: secret().optional().describe('Password to log in with.'),
  })
  .refine(({ username, password }) => (username === undefined) === (password === undefined), {
    error: 'username and password are given together, or neither',
  })
  .refine(({ username, tls }) => username === undefined || tls === 'require' || tls === 'verify', {
    error: 'a password is sent under TLS only: set tls = "verify" or tls = "require"',
    path: ['tls'],
  })
  .refine(({ implicit, tls }) => !implicit || tls === 'require' || tls === 'verify', {
    error: 'implicit TLS goes with tls = "verify" or tls = "require"',
    path: ['tls'],
  });

const timeouts = z.strictObject({
  connect: duration().prefault('30s').describe('For a connection to one address.'),
  greeting: duration().prefault('5m').describe('For the greeting.'),
  hello: duration().prefault('5m').describe('For the replies to EHLO, STARTTLS and AUTH.'),
  tls: duration().prefault('1m').describe('For the TLS handshake.'),
  mail: duration().prefault('5m').describe('For the reply to MAIL.'),
  rcpt: duration().prefault('5m').describe('For the reply to each RCPT.'),
  data: duration().prefault('2m').describe('For the reply to DATA.'),
  block: duration().prefault('3m').describe('For the server to take the next octets of the message.'),
  end: duration().prefault('10m').describe('For the reply after the message.'),
  quit: duration().prefault('5s').describe('For the reply to QUIT.'),
});

/** Section `[smtp.outbound]`. */
export const outboundConfig = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether this node sends what is in the queue.'),
    concurrency: z.int().min(1).max(1000).default(50).describe('Deliveries at a time.'),
    'domain-concurrency': z.int().min(1).max(1000).default(5).describe('Deliveries at a time to one domain.'),
    'poll-interval': duration()
      .prefault('30s')
      .describe(
        'How often the queue is looked at when nothing wakes the sender; five seconds at most while events fail.',
      ),
    schedule: z
      .array(duration())
      .min(1)
      .prefault(['1m', '5m', '15m', '30m', '1h', '2h', '4h'])
      .describe('Pauses after the first, second, … failure; the last one is used from there on.'),
    'delay-notice': duration().prefault('4h').describe('When a sender is told, once, that a message is still waiting.'),
    'delivery-timeout': duration()
      .prefault('15m')
      .describe('How long one attempt may take in all. A node that dies holds its deliveries back for so long.'),
    smarthost: smarthost
      .optional()
      .describe('A server that takes all mail for other domains, but what `routes` names.'),
    routes: z
      .record(z.string().toLowerCase(), route)
      .default({})
      .describe('Domains with a destination of their own: "host:port", or a table with `host` and `tls`.'),
    port: z.int().min(1).max(65535).default(25).describe('Port of servers that MX records name.'),
    resolver: z.array(address()).default([]).describe("DNS servers; empty: the system's."),
    'address-family': z.enum(['any', 'ipv4', 'ipv6']).default('any').describe('IP versions to connect with.'),
    'source-addresses': z
      .array(z.string().refine((text) => isIP(text) !== 0, { error: 'expected an IP address' }))
      .max(2)
      .default([])
      .describe('Addresses to connect from, one for each IP version.'),
    'allow-private-addresses': z
      .boolean()
      .default(false)
      .describe('Whether MX records may lead to private, loopback and own addresses.'),
    'max-hosts': z.int().min(1).max(50).default(6).describe('Addresses that are tried in one attempt.'),
    'helo-name': z.string().min(1).optional().describe("Name in EHLO; the node's host name otherwise."),
    tls: tlsMode()
      .default('opportunistic')
      .describe(
        'none: never. opportunistic: where offered, any certificate, in the clear where it fails. require: TLS or no delivery, any certificate. verify: TLS and a certificate of the server’s name, or no delivery.',
      ),
    'tls-ca': certificates().optional().describe("File with the authorities to trust, in PEM; else Node's."),
    'max-recipients': z.int().min(1).max(1000).default(100).describe('Recipients of one transaction.'),
    'max-messages-per-connection': z.int().min(1).default(100).describe('Messages sent on one connection.'),
    'max-idle-connections': z.int().min(0).default(20).describe('Connections kept for the next message.'),
    'idle-timeout': duration().prefault('5s').describe('How long a connection is kept for the next message.'),
    'max-returned-size': byteSize()
      .refine((octets) => octets >= 1024 && octets <= 1024 * 1024, { error: 'expected 1 KiB to 1 MiB' })
      .prefault('64 KiB')
      .describe('What of a message a bounce returns at most; of a longer one, its header.'),
    timeouts: timeouts.prefault({}).describe('Patience with a server (RFC 5321 section 4.5.3.2).'),
  })
  .describe('Delivery to other servers.');

export type OutboundConfig = z.output<typeof outboundConfig>;
export type Smarthost = z.output<typeof smarthost>;
