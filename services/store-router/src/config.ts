import { byteSize } from '@stoa/service-kit';
import { z } from 'zod';
import { authConfig } from './auth/config.ts';
import { directoryConfig } from './directory/config.ts';
import { queueConfig } from './queue/config.ts';

export const storeRouterConfig = z.strictObject({
  'message-size': byteSize().prefault('50 MiB').describe('Largest message that is stored.'),
  'message-memory': byteSize()
    .prefault('1 MiB')
    .describe(
      'A message is received in memory up to this size; the rest of a larger one goes to a file without a name.',
    ),
  'cache-size': byteSize()
    .prefault('128 MiB')
    .describe(
      'Memory for rows of the accounts used last. The caller prefers one router for an account, so that it helps.',
    ),
  auth: authConfig.prefault({}).describe('Passwords and the limits of failed logins.'),
  directory: directoryConfig.prefault({}).describe('Domains, accounts and aliases.'),
  queue: queueConfig.prefault({}).describe('The outbound queue.'),
});

export type StoreRouterConfig = z.output<typeof storeRouterConfig>;
