import { byteSize } from '@stoa/config-values';
import { z } from 'zod';

export const configSchema = z.strictObject({
  threshold: byteSize('0 B', '1 MiB')
    .prefault('64 KiB')
    .describe(
      'Bodies up to this size lie in the data store, larger ones outside; "0 B": all outside. May be changed at any time: ' +
        'what is stored stays where it is and is found there.',
    ),
  outer: z
    .looseObject({
      driver: z.string().min(1).default('fs').describe('The driver of the store outside.'),
    })
    .prefault({})
    .describe('The blob store outside, as a [blob] section would name it: `driver`, and the keys of that driver.'),
});

export type Config = z.output<typeof configSchema>;
