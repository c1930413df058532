import { camelKeys, duration } from '@stoa/config-values';
import { z } from 'zod';

const tls = z.strictObject({
  mode: z
    .enum(['disable', 'require', 'verify-ca', 'verify-full'])
    .optional()
    .describe(
      'disable: no TLS. require: TLS, whoever the server is. verify-ca: its certificate is from a trusted CA. ' +
        'verify-full: and names the host. By default verify-full, but disable for loopback and sockets.',
    ),
  ca: z
    .string()
    .min(1)
    .optional()
    .describe('File with the certificates of trusted CAs (PEM), instead of those of the system.'),
  cert: z.string().min(1).optional().describe('File with the certificate of this client (PEM).'),
  key: z.string().min(1).optional().describe('File with the private key of this client (PEM).'),
});

const settings = z.strictObject({
  url: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'begins with postgres://')
    .optional()
    .describe(
      'postgres://user:password@host:port/database; ?sslmode= as in tls.mode. The keys below go before its parts.',
    ),
  host: z
    .string()
    .min(1)
    .optional()
    .describe('Host name, address, or folder of the Unix socket; 127.0.0.1 by default.'),
  port: z.int().min(1).max(65_535).optional().describe('5432 by default.'),
  database: z.string().min(1).optional().describe('Name of the database; "stoa" by default.'),
  user: z.string().min(1).optional().describe('Role to log in as; "stoa" by default.'),
  password: z.string().optional().describe('Password of the role.'),
  'password-file': z
    .string()
    .min(1)
    .optional()
    .describe('File whose first line is the password; read again for each connection, so that it may be changed.'),
  schema: z
    .string()
    .regex(/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/, 'lower-case letters, digits and _, at most 63, not beginning with pg_')
    .default('stoa')
    .describe(
      'Schema of the tables. It is made when it is absent; several stores of one database have different ones.',
    ),
  tls: tls.prefault({}).describe('Transport encryption.'),
  'pool-size': z
    .int()
    .min(2)
    .max(1000)
    .default(10)
    .describe('Connections for reads and commits of this process at most; they are made when needed.'),
  'commit-connections': z
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe('How many of them commits use at a time. Commits that wait meanwhile share the next transaction.'),
  'scan-connections': z
    .int()
    .min(1)
    .max(1000)
    .default(8)
    .describe('Further connections at most, for scans that are too long for one statement; more scans wait for one.'),
  'max-scan-time': duration('30s', '1h')
    .prefault('2m')
    .describe('A scan open for longer is ended: its snapshot keeps deleted rows from being removed.'),
  'connect-timeout': duration('100ms', '5m').prefault('5s').describe('How long a call waits for a connection.'),
  'statement-timeout': duration('100ms', '1h')
    .prefault('30s')
    .describe('How long a statement may take, waiting for locks included.'),
  prepare: z
    .union([z.literal('auto'), z.boolean()])
    .default('auto')
    .describe(
      'Whether to use named prepared statements. auto: unless a pooler such as PgBouncer is between; ' +
        'true there needs PgBouncer 1.21 with max_prepared_statements.',
    ),
});

type Written = z.output<typeof settings>;

const together = (one: keyof Written, other: keyof Written) => ({
  message: `is there beside ${other}: keep one`,
  path: [one],
});

export const configSchema = settings
  .refine((config) => config.password === undefined || config['password-file'] === undefined, {
    ...together('password-file', 'password'),
  })
  .refine((config) => config['commit-connections'] < config['pool-size'], {
    message: 'must be less than pool-size, so that reads find a connection',
    path: ['commit-connections'],
  })
  .refine(({ tls: { cert, key } }) => (cert === undefined) === (key === undefined), {
    message: 'needs both cert and key, or neither',
    path: ['tls'],
  })
  .transform(camelKeys);

export type Config = z.output<typeof configSchema>;
