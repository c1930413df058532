import { duration } from '@stoa/service-kit';
import { z } from 'zod';

export const coordinatorConfig = z
  .strictObject({
    'topic-suffix': z
      .string()
      .regex(/^[A-Za-z0-9_-]{0,64}$/, 'expected at most 64 letters, digits, "_" or "-"')
      .refine(
        (suffix) => !/^m\d\d$/.test(suffix),
        'expected another than "m00" to "m99", which parts of the topic have',
      )
      .default('')
      .describe(
        'Added to the topic "stwt.agora" and its parts, so that several clusters may share a bus without hearing each other.',
      ),
    'heartbeat-interval': duration().prefault('500ms').describe('How often this node says that it is alive.'),
    'suspect-after': duration()
      .prefault('1500ms')
      .describe('A node is suspected when nothing was heard from it for so long.'),
    'dead-after': duration()
      .prefault('2500ms')
      .describe('A node counts as dead when nothing was heard from it for so long.'),
    'join-wait': duration()
      .prefault('1200ms')
      .describe(
        'How long a starting node asks whether another process uses its id, on a bus that other processes share. At least the heartbeat interval.',
      ),
    'require-bus': z
      .boolean()
      .default(false)
      .describe(
        'Whether the start fails while the bus is away. Otherwise the node starts, says so, and joins the cluster when the bus is there.',
      ),
  })
  .superRefine((config, context) => {
    const ascending = (lower: keyof typeof config, higher: keyof typeof config, orEqual: boolean) => {
      const [a, b] = [Number(config[lower]), Number(config[higher])];
      if (a < b || (orEqual && a === b)) return;
      context.addIssue({
        code: 'custom',
        path: [higher],
        message: `expected ${orEqual ? 'at least' : 'more than'} "${lower}", which is ${a}ms`,
      });
    };
    if (config['heartbeat-interval'] < 10) {
      context.addIssue({ code: 'custom', path: ['heartbeat-interval'], message: 'expected at least "10ms"' });
    }
    ascending('heartbeat-interval', 'suspect-after', false);
    ascending('suspect-after', 'dead-after', false);
    ascending('heartbeat-interval', 'join-wait', true);
  });

export type CoordinatorConfig = z.output<typeof coordinatorConfig>;
