import { duration } from '@stoa/service-kit';
import { z } from 'zod';

const NODE_ID = /^[A-Za-z0-9_.-]{1,64}$/;
const GROUPS_LIMIT = 1024;

/** One group: ids of the nodes that share a shard, as "1,4". */
const group = z.string().transform((text, context) => {
  const ids = text.split(',').map((id) => id.trim());
  const wrong = ids.find((id) => !NODE_ID.test(id));
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (wrong === undefined && twice === undefined) return ids;
  const message =
    wrong === undefined
      ? `the node "${twice}" is named twice`
      : `expected node ids separated by commas, such as "1,4"; "${wrong}" is none`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const groups = (what: string) =>
  z
    .array(group)
    .min(1, 'expected at least one group of nodes; to switch a role off set "enabled = false" in its schedule')
    .max(GROUPS_LIMIT)
    .optional()
    .describe(
      `${what} Each entry is a shard: the ids of the nodes that share it, separated by commas. Absent: every node takes part.`,
    );

const schedule = (what: string, interval: string) =>
  z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether this node takes part in the role at all.'),
      interval: duration()
        .refine((ms) => ms >= 1000, 'expected at least "1s"')
        .prefault(interval)
        .describe('Time between two runs.'),
      jitter: z
        .number()
        .min(0)
        .max(0.5)
        .default(0.1)
        .describe('Part of the interval by which each pause is longer or shorter, at random.'),
    })
    .prefault({})
    .describe(what);

export const rolesConfig = z.strictObject({
  purge: z
    .strictObject({
      stores: groups('Nodes that delete blobs which nothing links any more.'),
      accounts: groups('Nodes that remove what has expired, and the data of deleted mailboxes and accounts.'),
    })
    .prefault({})
    .describe('Nodes of the purge roles.'),
  'fts-indexing': z
    .strictObject({ 'fts-indexing': groups('Nodes that keep the full-text index up to date.') })
    .prefault({})
    .describe('Nodes of the role of full-text indexing.'),
  schedule: z
    .strictObject({
      'purge-stores': schedule('When blobs that nothing links are looked for.', '10m'),
      'purge-accounts': schedule('When expired data of accounts is looked for.', '10m'),
      'fts-indexing': schedule(
        'When all mailboxes are looked at for messages that are not indexed; new mail is indexed at once.',
        '5m',
      ),
    })
    .prefault({})
    .describe('When the roles run.'),
  'blob-grace': duration()
    .prefault('1h')
    .describe(
      'Age at which a blob without links is marked, and then of the mark at which it is deleted. Must exceed the longest delivery.',
    ),
  'change-log-age': duration()
    .prefault('30d')
    .describe('How long expunged messages are remembered for clients that come back (QRESYNC).'),
  'index-delay': duration().prefault('3s').describe('How long new mail may wait to be indexed together with more.'),
  'lease-time': duration()
    .refine((ms) => ms >= 500, 'expected at least "500ms"')
    .prefault('6s')
    .describe('How long a node owns a role without saying so again; another takes over after it.'),
});

export type RolesConfig = z.output<typeof rolesConfig>;
export type ScheduleConfig = RolesConfig['schedule'][keyof RolesConfig['schedule']];
