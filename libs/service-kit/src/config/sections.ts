import { hostname } from 'node:os';
import { z } from 'zod';
import { address, duration, path } from './types.ts';

const SERVICE_NAMES = ['smtp', 'imap', 'store-router', 'coordinator', 'roles'] as const;

/** Beyond the cores of today's machines; a typing error starts no thousand processes. */
const MAX_WORKERS = 256;

export const nodeSection = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'expected 1 to 64 letters, digits, "_", "." or "-"')
    .default('1')
    .describe('Name of this node, unique in the cluster.'),
  hostname: z
    .string()
    .min(1)
    .default(hostname())
    .describe('Name that the node calls itself in greetings and Received fields.'),
  'data-directory': z
    .string()
    .min(1)
    .default('./data')
    .describe('Folder for what this node keeps on disk; relative to the configuration file.'),
  'cluster-id': z
    .string()
    .min(1)
    .max(64)
    .default('stoa')
    .describe('Name of the cluster. Messages of other clusters on the same bus are skipped.'),
  'drain-timeout': duration().prefault('30s').describe('Longest time that a clean stop waits for work under way.'),
  workers: z
    .union([z.int().min(1).max(MAX_WORKERS), z.literal('auto')])
    .default(1)
    .describe(
      'Processes that `stoa start` runs side by side on one data directory, behind the same listeners; "auto": one for each core. Each is a node of the cluster, "ID-1" and on.',
    ),
});

export const telemetrySection = z.strictObject({
  'log-level': z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('Least severe log line that is written.'),
  'otlp-endpoint': z
    .url()
    .optional()
    .describe('Base URL of an OTLP/HTTP receiver, such as "http://127.0.0.1:4318". Absent: no traces are sent.'),
  'sample-ratio': z.number().min(0).max(1).default(1).describe('Part of the traces that is recorded, by trace id.'),
  'export-interval': duration().prefault('1s').describe('How often finished spans are sent.'),
});

export const httpSection = z.strictObject({
  listen: address().optional().describe('Address of the health and metrics pages. Absent: none are served.'),
});

export const tlsSection = z.strictObject({
  certificates: z
    .array(
      z.strictObject({
        cert: z.string().describe('PEM file with the certificate and its chain.'),
        key: z.string().describe('PEM file with the private key.'),
        names: z
          .array(z.string().min(1))
          .optional()
          .describe(
            'Server names that it serves; by default those in the certificate. "*.example.test" covers one label.',
          ),
      }),
    )
    .default([])
    .describe(
      'Certificates of the mail listeners, chosen by server name; the first is the default. Reloaded when the files change.',
    ),
  share: z
    .boolean()
    .default(false)
    .describe(
      'Put these certificates and their sealed keys into the data store, so that every node serves them; needs `cluster.secret-file`.',
    ),
  'min-version': z.enum(['1.2', '1.3']).default('1.2').describe('Oldest version of TLS that the mail listeners speak.'),
});

export const clusterSection = z.strictObject({
  listen: address().optional().describe('Address of the gRPC server of this process. Beyond loopback it needs `tls`.'),
  tls: z
    .strictObject({
      ca: path().describe('PEM file with the certificate authority of the cluster.'),
      cert: path().describe('PEM file with the certificate of this node.'),
      key: path().describe('PEM file with its private key.'),
    })
    .optional()
    .describe(
      'Mutual TLS between processes; made by `stoa cluster init-ca` and `stoa cluster issue`. Read again when the files change.',
    ),
  'secret-file': path()
    .optional()
    .describe(
      'File with the secret that private keys are sealed with, the same on every node; made by `stoa cluster init-ca`. With it the mail listeners serve the certificates that the nodes share; absent: none are shared.',
    ),
  services: z
    .partialRecord(z.enum(SERVICE_NAMES), z.array(address()))
    .default({})
    .describe('Where the services that do not run in this process are: service to list of addresses.'),
});

/** Sections that every node has, whatever services it runs. */
export const CORE_SECTIONS = {
  node: nodeSection,
  telemetry: telemetrySection,
  http: httpSection,
  tls: tlsSection,
  cluster: clusterSection,
} as const;

export type CoreConfig = { readonly [K in keyof typeof CORE_SECTIONS]: z.output<(typeof CORE_SECTIONS)[K]> };

/** Sections that name a driver; the rest of each is the driver's own. */
export const DRIVER_SECTIONS = ['data', 'blob', 'memory', 'search', 'bus'] as const;

/** The driver that serves when a section is absent. */
export const DEFAULT_DRIVERS = {
  data: 'lmdb',
  blob: 'inline',
  memory: 'local',
  search: 'embedded',
  bus: 'local',
} as const;
