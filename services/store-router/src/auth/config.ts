import { duration } from '@stoa/service-kit';
import { z } from 'zod';

export const authConfig = z.strictObject({
  window: duration().prefault('10m').describe('Failed logins are counted over this time.'),
  'max-failures-per-address': z
    .int()
    .positive()
    .default(50)
    .describe('Failed logins from one IP address in the window, before it is refused.'),
  'max-failures-per-account': z
    .int()
    .positive()
    .default(30)
    .describe('Failed logins to one account in the window, before it is refused.'),
  'block-after': z
    .int()
    .positive()
    .default(200)
    .describe('Failed logins from one IP address in the window, before it is blocked on all nodes.'),
  'block-time': duration().prefault('1h').describe('How long a blocked IP address stays blocked.'),
  'cache-time': duration()
    .prefault('1m')
    .describe('How long a password that was right is recognised without hashing it again.'),
});

export type AuthConfig = z.output<typeof authConfig>;
