import { address, byteSize, duration } from '@stoa/service-kit';
import { z } from 'zod';

export const listenerConfig = z.strictObject({
  name: z.string().min(1).describe('Name of the listener in logs and on the start page.'),
  listen: address().describe('Host and port.'),
  tls: z
    .enum(['starttls', 'implicit', 'none'])
    .default('starttls')
    .describe('starttls offers it where a certificate is there; implicit begins with it (port 993).'),
});

export const imapConfig = z.strictObject({
  listeners: z.array(listenerConfig).default([]).describe('Where the service listens.'),
  'max-message-size': byteSize()
    .prefault('50 MiB')
    .describe('Largest message that APPEND takes; told to clients as APPENDLIMIT.'),
  'max-connections': z.int().positive().default(20_000).describe('Connections at a time.'),
  'max-connections-per-address': z
    .int()
    .positive()
    .default(1000)
    .describe('Connections at a time from one IP address.'),
  'max-errors': z.int().positive().default(20).describe('Wrong commands on one connection before it is ended.'),
  'login-timeout': duration().prefault('1m').describe('How long a client may take to log in.'),
  'idle-timeout': duration()
    .prefault('30m')
    .describe('How long a client may say nothing; RFC 9051 wants 30 minutes at least.'),
  'poll-interval': duration()
    .prefault('4s')
    .describe('How often selected mailboxes are looked at while no events come; looked for once a second.'),
  'cache-size': byteSize()
    .prefault('128 MiB')
    .describe('Memory for the indexes of mailboxes that no session has selected now.'),
});

/** Keys that a reload of the configuration takes over; connections that stand follow at once. */
export const LIVE_KEYS = [
  'max-message-size',
  'max-connections',
  'max-connections-per-address',
  'max-errors',
  'login-timeout',
  'idle-timeout',
  'poll-interval',
] as const;

export type ImapConfig = z.output<typeof imapConfig>;
export type ListenerConfig = z.output<typeof listenerConfig>;
