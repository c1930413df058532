import type { Mark } from '../framework/row.ts';
import { BODY_EVERY, BODY_MARKER, dateOf, SUBJECT_EVERY, SUBJECT_MARKER, searchDay } from './corpus.ts';
import { execute, type Side, timed } from './side.ts';

/** Messages that differ; the rest of a larger mailbox are copies of them. */
export const DISTINCT = 10_000;
/** Messages that a command of many takes. */
const MANY = 10_000;
const BODIES = 2_000;
/** The size from which on the marks of listing and searching hold. */
const MARKED = 100_000;

/** One kind of command on a big mailbox that is selected. */
export interface Work {
  readonly name: string;
  readonly mark?: Mark;
  /** Milliseconds of the part that counts. */
  run(side: Side, round: number): Promise<number>;
  /** A search, and how many messages it must find: that follows from how the corpus is made. */
  readonly search?: { readonly command: string; readonly hits: number };
  /** A row more: Stoa's first time beside Dovecot when it has read and kept all of it. */
  readonly beside?: 'warm';
}

/** How many of so many messages have what every n-th of the distinct ones has. */
function share(count: number, every: number): number {
  return Math.floor(count / DISTINCT) * Math.ceil(DISTINCT / every) + Math.ceil((count % DISTINCT) / every);
}

export function works(count: number): Work[] {
  const many = Math.min(MANY, count);
  const first = `1:${many}`;
  const marked = (mark: Mark): { mark?: Mark } => (count >= MARKED ? { mark } : {});
  const one = (name: string): Work => ({ name, run: ({ client }) => timed(client, name) });
  const search = (key: string, hits: number): Work => {
    const command = `UID SEARCH ${key}`;
    return { ...one(command), search: { command, hits } };
  };
  return [
    { ...one('FETCH 1:* (UID FLAGS)'), ...marked({ ratio: 0.5 }) },
    { ...one(`FETCH ${first} (ENVELOPE)`), beside: 'warm' },
    one(`FETCH ${first} (BODYSTRUCTURE)`),
    one(`FETCH ${first} (BODY.PEEK[HEADER.FIELDS (From To Subject Date Message-ID)])`),
    one(`FETCH 1:${Math.min(BODIES, count)} (BODY.PEEK[])`),
    {
      name: `STORE ${first} +FLAGS (\\Flagged)`,
      mark: { ratio: 1 },
      async run({ client }) {
        await execute(client, `STORE ${first} -FLAGS.SILENT (\\Flagged)`);
        return timed(client, `STORE ${first} +FLAGS (\\Flagged)`);
      },
    },
    search('ALL', count),
    { ...search(`SUBJECT ${SUBJECT_MARKER}`, share(count, SUBJECT_EVERY)), ...marked({ ratio: 1 / 500 }) },
    { ...search(`BODY ${BODY_MARKER}`, share(count, BODY_EVERY)), ...marked({ ratio: 1 / 500 }) },
    search(`SINCE ${searchDay(dateOf(DISTINCT / 2))}`, count / 2),
    { name: 'QRESYNC after 1% changed', run: (side, round) => side.resynchronize(round, count) },
    {
      name: `COPY ${first} to another mailbox`,
      async run({ client }, round) {
        await execute(client, `CREATE Copies${round}`);
        return timed(client, `COPY ${first} Copies${round}`);
      },
    },
    {
      name: `EXPUNGE of ${many}`,
      async run({ client }, round) {
        await execute(client, `SELECT Copies${round}`);
        await execute(client, 'STORE 1:* +FLAGS.SILENT (\\Deleted)');
        const ms = await timed(client, 'EXPUNGE');
        await execute(client, 'SELECT INBOX');
        await execute(client, `DELETE Copies${round}`);
        return ms;
      },
    },
  ];
}
