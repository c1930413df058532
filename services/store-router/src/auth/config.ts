import { duration } from '@stoa/service-kit';
import { z } from 'zod';

export const authConfig = z.strictObject({
  window: duration().prefault('10m').describe('Failed logins are counted over this time.'),
  'max-failures-per-address': z
    .int()
    .positive()
    .default(50)
    .describe('Failed logins from one IP address (IPv6: one /64 network) in the window, before it is refused.'),
  'max-failures-per-account': z
    .int()
    .positive()
    .default(30)
    .describe('Failed logins to one account in the window, before it is refused.'),
  lockout: duration()
    .prefault('5m')
    .describe('How long an address or account is refused at first; each further time within a day twice as long.'),
  'max-lockout': duration().prefault('4h').describe('How long it is refused at most.'),
  'familiar-time': duration()
    .prefault('7d')
    .describe(
      'After a login, the same IP address may log in to the account for this time although others made it refused.',
    ),
  'block-after': z
    .int()
    .positive()
    .default(200)
    .describe('Failed and refused logins from one IP address in the window, before it is blocked on all nodes.'),
  'block-time': duration().prefault('1h').describe('How long a blocked IP address stays blocked.'),
  'cache-time': duration()
    .prefault('1m')
    .describe('How long a password that was right is recognised without hashing it again.'),
});

export type AuthConfig = z.output<typeof authConfig>;
