import { type CamelKeys, camelKeys, duration } from '@stoa/config-values';
import { z } from 'zod';

const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/@]+)(:\d{1,5})?$/, 'expected "host:port"')
  .refine((text) => Number(/:(\d+)$/.exec(text)?.[1] ?? 1) <= 65_535, 'the port is beyond 65535');

const tls = z
  .strictObject({
    ca: z.string().min(1).optional().describe('PEM file of the authorities to trust, instead of those of the system.'),
    cert: z.string().min(1).optional().describe('PEM file of the certificate to show to the server.'),
    key: z.string().min(1).optional().describe('PEM file of the key of that certificate.'),
    'server-name': z
      .string()
      .min(1)
      .optional()
      .describe('Name that certificates of servers must hold, when it is not the host.'),
  })
  .transform(camelKeys);

/** Keys of the configuration that every driver for Redis has: how to reach it. Spread into a `z.strictObject` that ends in `.transform(camelKeys)`. */
export const connectionShape = {
  url: z
    .string()
    .refine(isRedisUrl, 'expected redis://[user:password@]host[:port][/database], or rediss:// for TLS')
    .optional()
    .describe('A single server: redis://[user:password@]host[:port][/database]; rediss:// for TLS.'),
  host: z.string().min(1).optional().describe('A single server, instead of `url`; localhost by default.'),
  port: z.int().min(1).max(65_535).optional().describe('Port of `host`; 6379 by default.'),
  sentinels: z
    .array(address)
    .min(1)
    .optional()
    .describe('Sentinels as "host:port" (port 26379 by default), instead of a single server.'),
  master: z.string().min(1).optional().describe('Name under which the Sentinels watch the master.'),
  cluster: z
    .array(address)
    .min(1)
    .optional()
    .describe('Some nodes of a Redis Cluster as "host:port", instead of a single server; the others are found.'),
  username: z.string().min(1).optional().describe('ACL user; the user "default" without it.'),
  password: z.string().min(1).optional().describe('Password of the user.'),
  'password-file': z.string().min(1).optional().describe('File with the password, relative to the data directory.'),
  'sentinel-username': z.string().min(1).optional().describe('ACL user at the Sentinels.'),
  'sentinel-password': z.string().min(1).optional().describe('Password at the Sentinels.'),
  'sentinel-password-file': z.string().min(1).optional().describe('File with the password at the Sentinels.'),
  tls: tls
    .optional()
    .describe('TLS to servers, cluster nodes and Sentinels; an empty table trusts what the system trusts.'),
  database: z.int().min(0).max(65_535).optional().describe('Number of the database; 0 by default.'),
  prefix: z
    .string()
    .max(100)
    .regex(/^[\x21-\x7e]*$/, 'expected printable ASCII without space')
    .default('stoa:')
    .describe('Begins every key and channel, so that several programs can share a Redis.'),
  'connect-timeout': duration('100ms', '1m')
    .prefault('3s')
    .describe('How long making a connection may take, TLS and login included.'),
  'command-timeout': duration('100ms', '1m').prefault('2s').describe('How long an answer may take.'),
  'reconnect-wait': duration('0ms', '1m')
    .prefault('500ms')
    .describe('How long a call waits for a connection that is lost; after that it fails as unavailable.'),
  heartbeat: duration('100ms', '1m')
    .prefault('2s')
    .describe('How often a connection is probed: whether it lives, and whether the server is still the master.'),
  'reconnect-min': duration('10ms', '1m').prefault('50ms').describe('Pause before the first attempt to reconnect.'),
  'reconnect-max': duration('10ms', '10m')
    .prefault('2s')
    .describe('Longest pause between attempts; pauses double up to it, and vary so that nodes do not come at once.'),
};

const connection = z.object(connectionShape);
type Written = z.output<typeof connection>;

/** What `connectionShape` gives after `camelKeys`: durations in milliseconds. */
export type ConnectionConfig = CamelKeys<Written>;

/** Refines the object that `connectionShape` was spread into: keys that exclude or need each other. */
export function checkConnection(config: Written, context: z.RefinementCtx): void {
  const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  const ways = [
    ['url', config.url],
    ['host', config.host],
    ['sentinels', config.sentinels],
    ['cluster', config.cluster],
  ].filter(([, value]) => value !== undefined);
  const [, second] = ways;
  if (second !== undefined) refuse(String(second[0]), `give either "${ways[0]?.[0]}" or "${second[0]}"`);
  const { host } = config;
  if (config.port !== undefined && ways.length > 0 && host === undefined) refuse('port', '"port" belongs to "host"');
  if (config.sentinels !== undefined && config.master === undefined) refuse('master', '"sentinels" need "master"');
  if (config.sentinels === undefined) {
    for (const key of ['master', 'sentinel-username', 'sentinel-password', 'sentinel-password-file'] as const) {
      if (config[key] !== undefined) refuse(key, `"${key}" belongs to "sentinels"`);
    }
  }
  if (config.cluster !== undefined && (config.database ?? 0) !== 0) refuse('database', 'a cluster has database 0 only');
  if (config.password !== undefined && config['password-file'] !== undefined)
    refuse('password-file', 'give either "password" or "password-file"');
  if (config['sentinel-password'] !== undefined && config['sentinel-password-file'] !== undefined)
    refuse('sentinel-password-file', 'give either "sentinel-password" or "sentinel-password-file"');
  if ((config.tls?.cert === undefined) !== (config.tls?.key === undefined))
    refuse('tls', '"cert" and "key" belong together');
  if (config['reconnect-max'] < config['reconnect-min']) refuse('reconnect-max', 'less than "reconnect-min"');
}

function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, username, password } = new URL(text);
  try {
    decodeURIComponent(username + password);
  } catch {
    return false;
  }
  return /^rediss?:$/.test(protocol) && hostname !== '' && /^(\/\d{0,5})?$/.test(pathname);
}
