import { duration } from '@stoa/service-kit';
import { z } from 'zod';

export const queueConfig = z.strictObject({
  lifetime: duration()
    .prefault('5d')
    .describe('How long delivery to another server is tried before the message is returned.'),
});

export type QueueConfig = z.output<typeof queueConfig>;
