import { byteSize, camelKeys, duration } from '@stoa/config-values';
import { z } from 'zod';
import { parseServer } from './address.ts';

const server = z
  .string()
  .refine((text) => parseServer(text) !== undefined, 'expected "host[:port]", nats://host[:port] or tls://host[:port]')
  .refine((text) => !text.includes('@'), 'a login does not belong into an address: use "user" and "password-file"');

const tls = z
  .strictObject({
    ca: z.string().min(1).optional().describe('PEM file of the authorities to trust, instead of those of the system.'),
    cert: z.string().min(1).optional().describe('PEM file of the certificate to show to the server.'),
    key: z.string().min(1).optional().describe('PEM file of the key of that certificate.'),
    'server-name': z
      .string()
      .min(1)
      .optional()
      .describe('Name that certificates of servers must hold, if not the host.'),
  })
  .transform(camelKeys);

const shape = z.strictObject({
  servers: z
    .array(server)
    .min(1)
    .default(['nats://localhost:4222'])
    .describe('Servers of one cluster, or a single one: "host[:port]", nats://host[:port], tls://host[:port].'),
  discover: z
    .boolean()
    .default(true)
    .describe('Use the servers too that the cluster names. Off where their addresses cannot be reached from here.'),
  name: z.string().min(1).max(100).optional().describe('Name of the connection; "stoa-" and the node id by default.'),
  prefix: z
    .string()
    .max(100)
    .regex(/^([\w-]+\.)*$/, 'expected names that each end in ".", such as "mail."')
    .default('')
    .describe('Begins every subject, so that several programs can share a NATS account.'),
  user: z.string().min(1).optional().describe('User.'),
  password: z.string().min(1).optional().describe('Password of the user.'),
  'password-file': z.string().min(1).optional().describe('File with the password, relative to the data directory.'),
  token: z.string().min(1).optional().describe('Token, instead of a user.'),
  'token-file': z.string().min(1).optional().describe('File with the token.'),
  'nkey-file': z.string().min(1).optional().describe('File with the seed of an nkey, instead of a user.'),
  'creds-file': z.string().min(1).optional().describe('Credentials file with a JWT and its nkey, instead of a user.'),
  tls: tls.optional().describe('TLS; an empty table trusts what the system trusts.'),
  'connect-timeout': duration('100ms', '1m')
    .prefault('3s')
    .describe('How long making a connection to one server may take, TLS and login included.'),
  'publish-timeout': duration('100ms', '1m')
    .prefault('2s')
    .describe('How long the server may take for a message; after that publishing fails as unavailable.'),
  'ping-interval': duration('100ms', '1m').prefault('1s').describe('How often the server is asked for a sign of life.'),
  'max-pings': z.int().min(1).max(100).default(2).describe('After how many unanswered pings a connection is given up.'),
  'reconnect-min': duration('10ms', '1m').prefault('100ms').describe('Pause before all servers are tried again.'),
  'reconnect-max': duration('10ms', '10m')
    .prefault('2s')
    .describe('Longest pause; pauses double up to it, and vary so that nodes do not come at once.'),
  'max-pending-size': byteSize('1 MiB')
    .prefault('64 MiB')
    .describe('Octets of messages that may wait to be taken by the server; beyond it publishing is refused.'),
});

export const configSchema = shape
  .superRefine((config, context) => {
    const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    const logins = (['user', 'token', 'token-file', 'nkey-file', 'creds-file'] as const).filter(
      (key) => config[key] !== undefined,
    );
    const [first, second] = logins;
    if (second !== undefined) refuse(second, `give either "${first}" or "${second}"`);
    if (config.password !== undefined && config['password-file'] !== undefined)
      refuse('password-file', 'give either "password" or "password-file"');
    for (const key of ['password', 'password-file'] as const)
      if (config[key] !== undefined && config.user === undefined) refuse(key, `"${key}" belongs to "user"`);
    if ((config.tls?.cert === undefined) !== (config.tls?.key === undefined))
      refuse('tls', '"cert" and "key" belong together');
    if (config['reconnect-max'] < config['reconnect-min']) refuse('reconnect-max', 'less than "reconnect-min"');
  })
  .transform(camelKeys);

export type Config = z.output<typeof configSchema>;
