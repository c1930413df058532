import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient } from '../support/clients.ts';
import { ImapView } from '../support/imap-view.ts';
import { SHAPES, Stoa } from '../support/stoa.ts';

const CLIENTS = 4;

/** A step of one client; numbers are taken modulo what it sees. */
const step = fc.record({
  client: fc.nat(CLIENTS - 1),
  what: fc.constantFrom(
    'flag',
    'unflag',
    'keyword',
    'delete',
    'expunge',
    'fetch',
    'uid-fetch',
    'search',
    'noop',
    'copy',
    'move',
    'append',
  ),
  number: fc.nat(),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function take(view: ImapView, { what, number }: Step): Promise<void> {
  const n = view.messages.length === 0 ? 0 : (number % view.messages.length) + 1;
  if (what === 'noop') return void (await view.command('NOOP'));
  if (what === 'expunge') return void (await view.command('EXPUNGE'));
  if (what === 'search') return void (await view.command('SEARCH UNSEEN'));
  if (n === 0) return;
  const commands: Partial<Record<Step['what'], string>> = {
    flag: `STORE ${n} +FLAGS (\\Flagged)`,
    unflag: `STORE ${n} -FLAGS (\\Flagged)`,
    keyword: `STORE 1:${n} +FLAGS (k${number % 5})`,
    delete: `STORE ${n} +FLAGS.SILENT (\\Deleted)`,
    fetch: `FETCH ${n}:* (UID FLAGS)`,
    'uid-fetch': 'UID FETCH 1:* (FLAGS)',
    copy: `COPY ${n} INBOX`,
    move: `MOVE ${n} Trash`,
  };
  const command = commands[what];
  if (command === undefined) return;
  await view.command(command);
  // A silent change is the client's own knowledge.
  if (what === 'delete') await view.command(`FETCH ${n} (UID FLAGS)`);
}

describe.each(SHAPES)('views of several clients on one mailbox, %s', (shape) => {
  let stoa: Stoa;
  let users = 0;

  beforeAll(async () => {
    stoa = await Stoa.start(shape);
    await stoa.provision(...Array.from({ length: 12 }, (_, i) => `user${i}`));
  });
  afterAll(async () => stoa[Symbol.asyncDispose]());

  it('are what they were told, and become the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const user = `user${users++ % 12}`;
        const filler = await imapClient(stoa, user);
        for (let i = 0; i < 6; i++) await filler.append('INBOX', `Subject: ${i}\r\n\r\n${i}\r\n`);
        const views = await Promise.all(
          Array.from({ length: CLIENTS }, (_, i) =>
            ImapView.select(stoa, user, 'INBOX', ...(i === 0 ? ['QRESYNC'] : [])),
          ),
        );
        try {
          // Each client does its steps in order, all of them at the same time.
          await Promise.all(
            views.map(async (view, i) => {
              for (const one of steps.filter(({ client }) => client === i)) {
                if (one.what === 'append') await filler.append('INBOX', 'Subject: more\r\n\r\nmore\r\n');
                else await take(view, one);
              }
            }),
          );
          const fresh = await ImapView.select(stoa, user, 'INBOX');
          const expected = await fresh.settled();
          fresh.close();
          for (const view of views) {
            expect(await view.settled()).toEqual(expected);
            expect(view.objections).toEqual([]);
          }
        } finally {
          for (const view of views) view.close();
          await filler.logout();
        }
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });
});
