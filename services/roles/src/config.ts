import { duration } from '@stoa/service-kit';
import { z } from 'zod';

const shards = (what: string) =>
  z
    .array(
      z
        .string()
        .regex(
          /^\s*[A-Za-z0-9_.-]+(\s*,\s*[A-Za-z0-9_.-]+)*\s*$/,
          'expected node ids separated by commas, such as "1,4"',
        ),
    )
    .optional()
    .describe(
      `${what} Each entry is a shard: the ids of the nodes that share it, separated by commas. Absent: every node takes part.`,
    );

export const rolesConfig = z.strictObject({
  purge: z
    .strictObject({
      stores: shards('Nodes that delete blobs which nothing links any more.'),
      accounts: shards('Nodes that remove what has expired, and the data of deleted mailboxes and accounts.'),
    })
    .prefault({})
    .describe('The purge roles.'),
  'fts-indexing': z
    .strictObject({ 'fts-indexing': shards('Nodes that keep the full-text index up to date.') })
    .prefault({})
    .describe('The role of full-text indexing.'),
  'purge-interval': duration().prefault('10m').describe('How often the purge roles run.'),
  'blob-grace': duration()
    .prefault('1h')
    .describe(
      'Age at which a blob without links is marked, and then of the mark at which it is deleted. Must exceed the longest delivery.',
    ),
  'change-log-age': duration()
    .prefault('30d')
    .describe('How long expunged messages are remembered for clients that come back (QRESYNC).'),
  'index-interval': duration()
    .prefault('5m')
    .describe('How often all mailboxes are looked at for messages that are not indexed; new mail is indexed at once.'),
  'index-delay': duration().prefault('500ms').describe('How long new mail may wait to be indexed together with more.'),
  'lease-time': duration()
    .prefault('4s')
    .describe('How long a node owns a role without saying so again; another takes over after it.'),
});

export type RolesConfig = z.output<typeof rolesConfig>;
