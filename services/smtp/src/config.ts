import { address, byteSize, duration } from '@stoa/service-kit';
import { z } from 'zod';
import { outboundConfig } from './outbound/config.ts';

export const listenerConfig = z.strictObject({
  name: z.string().min(1).describe('Name of the listener in logs and on the start page.'),
  kind: z
    .enum(['smtp', 'submission', 'lmtp'])
    .describe(
      'smtp receives mail for our domains; submission sends mail of our users, after they log in; lmtp takes mail from a relay that we trust.',
    ),
  listen: address().describe('Host and port.'),
  tls: z
    .enum(['starttls', 'implicit', 'none'])
    .default('starttls')
    .describe('starttls offers it where a certificate is there; implicit begins with it (port 465).'),
});

export const smtpConfig = z.strictObject({
  listeners: z.array(listenerConfig).default([]).describe('Where the service listens.'),
  'max-message-size': byteSize().prefault('50 MiB').describe('Largest message that is taken.'),
  'max-recipients': z.int().positive().default(1000).describe('Recipients of one message.'),
  'max-received': z
    .int()
    .positive()
    .default(50)
    .describe('Received fields of a message; more mean that it runs in circles.'),
  'max-errors': z.int().positive().default(10).describe('Wrong commands on one connection before it is ended.'),
  'max-connections': z.int().positive().default(2000).describe('Connections at a time.'),
  'max-connections-per-address': z.int().positive().default(200).describe('Connections at a time from one IP address.'),
  'command-timeout': duration().prefault('5m').describe('How long a client may take for the next command.'),
  'data-timeout': duration().prefault('3m').describe('How long a client may take for the next octets of a message.'),
  'bare-line-ends': z
    .enum(['reject', 'convert'])
    .default('reject')
    .describe('What to do with a message that has an LF without CR or a CR without LF. Neither ever ends a message.'),
  outbound: outboundConfig.prefault({}),
});

/** Keys that a reload of the configuration takes over; connections that stand follow at once. */
export const LIVE_KEYS = [
  'max-message-size',
  'max-recipients',
  'max-received',
  'max-errors',
  'max-connections',
  'max-connections-per-address',
  'command-timeout',
  'data-timeout',
  'bare-line-ends',
] as const;

export type SmtpConfig = z.output<typeof smtpConfig>;
export type ListenerConfig = z.output<typeof listenerConfig>;
