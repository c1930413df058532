import { z } from 'zod';
import { directoryAddress } from './address.ts';

const address = z
  .string()
  .refine((text) => {
    try {
      directoryAddress(text);
      return true;
    } catch {
      return false;
    }
  }, 'not a mail address')
  .describe('an address, such as "admin@example.org"');

export const directoryConfig = z.strictObject({
  postmaster: address
    .optional()
    .describe(
      'Who gets the mail to postmaster of a domain that has no such account or alias and no catch-all; ' +
        'without it, the oldest account of the domain.',
    ),
});

export type DirectoryConfig = z.output<typeof directoryConfig>;
