import { z } from 'zod';
import { parseServer } from './address.ts';

const server = z
  .string()
  .refine((text) => parseServer(text) !== undefined, 'expected "host[:port]", nats://host[:port] or tls://host[:port]')
  .refine((text) => !text.includes('@'), 'a login does not belong into an address: use "user" and "passwordFile"');

const tls = z.strictObject({
  ca: z.string().min(1).optional().describe('PEM file of the authorities to trust, instead of those of the system.'),
  cert: z.string().min(1).optional().describe('PEM file of the certificate to show to the server.'),
  key: z.string().min(1).optional().describe('PEM file of the key of that certificate.'),
  serverName: z.string().min(1).optional().describe('Name that certificates of servers must hold, if not the host.'),
});

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
  passwordFile: z.string().min(1).optional().describe('File with the password, relative to the data directory.'),
  token: z.string().min(1).optional().describe('Token, instead of a user.'),
  tokenFile: z.string().min(1).optional().describe('File with the token.'),
  nkeyFile: z.string().min(1).optional().describe('File with the seed of an nkey, instead of a user.'),
  credsFile: z.string().min(1).optional().describe('Credentials file with a JWT and its nkey, instead of a user.'),
  tls: tls.optional().describe('TLS; an empty table trusts what the system trusts.'),
  connectTimeoutMs: z
    .int()
    .min(100)
    .max(60_000)
    .default(3000)
    .describe('How long making a connection to one server may take, TLS and login included.'),
  publishTimeoutMs: z
    .int()
    .min(100)
    .max(60_000)
    .default(2000)
    .describe('How long the server may take for a message; after that publishing fails as unavailable.'),
  pingIntervalMs: z
    .int()
    .min(100)
    .max(60_000)
    .default(1000)
    .describe('How often the server is asked for a sign of life.'),
  maxPings: z.int().min(1).max(100).default(2).describe('After how many unanswered pings a connection is given up.'),
  reconnectMinMs: z.int().min(10).max(60_000).default(100).describe('Pause before all servers are tried again.'),
  reconnectMaxMs: z
    .int()
    .min(10)
    .max(600_000)
    .default(2000)
    .describe('Longest pause; pauses double up to it, and vary so that nodes do not come at once.'),
  maxPendingBytes: z
    .int()
    .min(1024 * 1024)
    .default(64 * 1024 * 1024)
    .describe('Octets of messages that may wait to be taken by the server; beyond it publishing is refused.'),
});

export type Config = z.output<typeof shape>;

export const configSchema = shape.superRefine((config, context) => {
  const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  const logins = (['user', 'token', 'tokenFile', 'nkeyFile', 'credsFile'] as const).filter(
    (key) => config[key] !== undefined,
  );
  const [first, second] = logins;
  if (second !== undefined) refuse(second, `give either "${first}" or "${second}"`);
  if (config.password !== undefined && config.passwordFile !== undefined)
    refuse('passwordFile', 'give either "password" or "passwordFile"');
  for (const key of ['password', 'passwordFile'] as const)
    if (config[key] !== undefined && config.user === undefined) refuse(key, `"${key}" belongs to "user"`);
  if ((config.tls?.cert === undefined) !== (config.tls?.key === undefined))
    refuse('tls', '"cert" and "key" belong together');
  if (config.reconnectMaxMs < config.reconnectMinMs) refuse('reconnectMaxMs', 'less than "reconnectMinMs"');
});
