import { describe, expect, it } from 'vitest';
import { commandOf, FakeStore } from '../../test/support/fake-store.ts';
import { runSearch } from './index.ts';

const crlf = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'), 'utf8');

const RICH = crlf(`From: "Max M. Muster" <max@example.test>
To: eve@example.test (Eve Comment)
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus
 Wien
Date: Mon, 1 Jan 2024 23:30:00 -0800
Message-ID: <a1@x>
X-Empty:
Content-Type: multipart/mixed; boundary=b

preamble words
--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

sch=C3=B6ne Ta=
ge split
across lines
--b
Content-Type: text/html

<p>html <b>bo</b>ld &amp; more</p>
--b
Content-Type: application/octet-stream; name=filename.bin

binarywords
--b
Content-Type: message/rfc822

Subject: inner subject

inner body
--b--
epilogue
`);
const PLAIN = crlf('From: max@other.test\nSubject:\n\nno date here\n');
const THIRD = crlf('From: a@b.test\nDate: garbage\nSubject: third\n\nbad date\n');

const store = () =>
  new FakeStore(
    [
      { uid: 3, raw: RICH, flags: 1 | (1 << 8), seconds: Date.UTC(2024, 1, 10, 23, 59, 59) / 1000, modseq: 5 },
      { uid: 5, raw: PLAIN, flags: 4, seconds: Date.UTC(2024, 1, 11) / 1000, modseq: 9 },
      { uid: 9, raw: THIRD, flags: 8, seconds: Date.UTC(2024, 1, 12) / 1000, modseq: 7 },
    ],
    ['$Work'],
  );

async function search(text: string, given = store(), options = {}) {
  const session = given.session(options);
  const completion = await runSearch(session, session.selected, commandOf('SEARCH', text));
  return { completion, told: session.writer.take().trimEnd(), session };
}

const numbers = async (keys: string) => (await search(`SEARCH ${keys}`)).told.replace(/^\* SEARCH ?/, '');

describe('SEARCH', () => {
  // Where a mailbox server of today answers these differently it is said in a comment.
  it.each([
    ['ALL', '1 2 3'],
    ['1:9', '1 2 3'],
    ['2:*', '2 3'],
    ['*', '3'],
    ['UID 4:5,9', '2 3'],
    ['UID 10:*', '3'],
    ['SEEN', '1'],
    ['UNSEEN', '2 3'],
    ['DELETED', '3'],
    ['KEYWORD $work', '1'],
    ['UNKEYWORD $work', '2 3'],
    ['KEYWORD $none', ''],
    ['OR SEEN FLAGGED', '1 2'],
    ['NOT (OR SEEN FLAGGED)', '3'],
    ['BEFORE 11-Feb-2024', '1'],
    ['ON 11-Feb-2024', '2'],
    ['SINCE 11-Feb-2024', '2 3'],
    [`LARGER ${PLAIN.length}`, '1 3'],
    [`SMALLER ${PLAIN.length}`, ''],
    [`SMALLER ${PLAIN.length + 1}`, '2'],
    ['SENTON 1-Jan-2024', '1'],
    ['SENTON 2-Jan-2024', ''],
    // Dovecot counts a message without a readable Date as sent in 1970.
    ['SENTBEFORE 1-Jan-2030', '1'],
    ['SENTSINCE 1-Jan-1990', '1'],
    ['SUBJECT ""', '1 2 3'],
    ['FROM ""', '1 2 3'],
    ['CC ""', ''],
    ['HEADER X-Empty ""', '1'],
    ['HEADER x-empty "a"', ''],
    ['BODY ""', '1 2 3'],
    ['FROM "MAX"', '1 2'],
    ['FROM "M. Muster"', '1'],
    ['FROM "Muster <max@"', '1'],
    ['FROM "Muster\\" <max@"', '1'],
    ['TO "Eve Comment"', '1'],
    ['TO "(Eve"', ''],
    ['HEADER TO "(Eve"', '1'],
    ['HEADER Message-ID "A1@X"', '1'],
    ['TEXT "aus wien"', '1'],
    ['TEXT "subject: third"', '3'],
    ['TEXT "message-id"', '1'],
    ['TEXT "inner subject"', '1'],
    ['BODY "inner subject"', ''],
    ['BODY "inner body"', '1'],
    ['BODY "tage split"', '1'],
    ['BODY "split across"', ''],
    // Text is what a reader sees: Dovecot without an index looks at the tags, too.
    ['BODY "html bold & more"', '1'],
    ['BODY "<b>"', ''],
    ['BODY preamble', ''],
    ['BODY epilogue', ''],
    ['BODY binarywords', ''],
    ['TEXT filename.bin', '1'],
    ['BODY filename.bin', ''],
    ['NOT BODY date', '1'],
    ['OR BODY "no date" SUBJECT third', '2 3'],
    ['UNSEEN BODY date', '2 3'],
    ['BODY date BODY "no date"', '2'],
  ])('%s finds %j', async (keys, expected) => {
    expect(await numbers(keys)).toBe(expected);
  });

  it('compares in any charset', async () => {
    const session = store().session();
    const find = async (charset: string, octets: Buffer) => {
      const text = Buffer.concat([
        Buffer.from(`SEARCH CHARSET ${charset} SUBJECT {${octets.length}+}\r\n`),
        octets,
      ]).toString('latin1');
      const command = commandOf('SEARCH', 'SEARCH SUBJECT x');
      const { parseCommand } = await import('@stoa/mail');
      const parsed = parseCommand(Buffer.from(`a ${text}`, 'latin1'));
      if (parsed.name === 'SEARCH') command.keys = parsed.keys;
      await runSearch(session, session.selected, command);
      return session.writer.take();
    };
    expect(await find('UTF-8', Buffer.from('GRÜSSE AUS WIEN'.replace('SS', 'ß')))).toBe('* SEARCH 1\r\n');
    expect(await find('ISO-8859-1', Buffer.from('grüße aus wien', 'latin1'))).toBe('* SEARCH 1\r\n');
  });

  it('asks the store nothing for keys of the index', async () => {
    const given = store();
    await search('SEARCH OR UNSEEN (SINCE 1-Jan-2020 LARGER 10 MODSEQ 5)', given);
    expect(given.calls).toEqual([]);
  });

  it('reads no body where the envelope tells, and none of messages that other keys settle', async () => {
    const given = store();
    await search('SEARCH FROM max SUBJECT wien', given);
    expect(given.calls).toEqual(['fetchMessages']);
    await search('SEARCH SEEN FLAGGED BODY words', given);
    expect(given.calls).toEqual(['fetchMessages']);
  });

  it('reads no more of a message than it needs', async () => {
    const raw = Buffer.concat([crlf('Subject: long\n\nneedle '), Buffer.alloc(4 << 20, 'hay ')]);
    const given = new FakeStore([{ uid: 1, raw }]);
    const { told } = await search('SEARCH BODY needle', given);
    expect(told).toBe('* SEARCH 1');
    expect(given.octetsRead).toBeLessThan(512 * 1024);
  });

  it('asks the full-text index, and reads only what it leaves', async () => {
    const raw = (index: number) => crlf(`From: Ann Lee <ann${index}@example.test>\nSubject: x\n\nnumber ${index}.\n`);
    const asked: string[] = [];
    const filled = (count: number, indexedToUid: number) => {
      const given = new FakeStore(Array.from({ length: count }, (_, i) => ({ uid: i + 1, raw: raw(i + 1) })));
      given.searchText = ({ terms }) => {
        asked.push(...terms.map(({ field, text }) => `${field} ${text}`));
        return { candidates: terms.map(() => ({ uids: { bounds: [5, 6] }, narrowed: true })), indexedToUid };
      };
      return given;
    };
    const given = filled(30, 20);
    expect((await search('SEARCH NOT 7 BODY "number "', given)).told).toBe(
      `* SEARCH 5 6 ${Array.from({ length: 10 }, (_, index) => index + 21).join(' ')}`,
    );
    expect(given.octetsRead).toBe(12 * 'number 55.\r\n'.length - 2);
    // The records of a few messages tell as fast as the index.
    await search('SEARCH FROM lee', given);
    expect(asked).toEqual(['1 number ']);
    // Names and addresses are apart in the index.
    expect((await search('SEARCH FROM "lee\\" <ann7"', filled(100, 70))).told).toBe(
      `* SEARCH ${Array.from({ length: 9 }, (_, index) => index + 71).join(' ')}`,
    );
    expect(asked).toEqual(['1 number ', '4 lee', '4 ann7']);
  });

  it('tells MODSEQ where it was asked for', async () => {
    expect((await search('SEARCH MODSEQ 6')).told).toBe('* SEARCH 2 3 (MODSEQ 9)');
    expect((await search('SEARCH NOT MODSEQ 1')).told).toBe('* SEARCH');
    const { told, session } = await search('UID SEARCH RETURN (MIN MAX) MODSEQ 1');
    expect(told).toBe('* ESEARCH (TAG "a") UID MIN 3 MAX 9 MODSEQ 7');
    expect(session.options.condstore).toBe(true);
  });

  it.each([
    ['SEARCH RETURN (MIN MAX COUNT) UNSEEN', '* ESEARCH (TAG "a") MIN 2 MAX 3 COUNT 2'],
    ['UID SEARCH RETURN (ALL) ALL', '* ESEARCH (TAG "a") UID ALL 3,5,9'],
    ['SEARCH RETURN () SUBJECT nothing', '* ESEARCH (TAG "a")'],
    ['SEARCH RETURN (MIN COUNT) SUBJECT nothing', '* ESEARCH (TAG "a") COUNT 0'],
    ['SEARCH RETURN (SAVE) ALL', ''],
    ['UID SEARCH UNSEEN', '* SEARCH 5 9'],
  ])('%s', async (command, expected) => {
    expect((await search(command)).told).toBe(expected);
  });

  it('answers IMAP4rev2 clients with ESEARCH', async () => {
    expect((await search('SEARCH UNSEEN', store(), { rev2: true })).told).toBe('* ESEARCH (TAG "a") ALL 2:3');
  });

  it.each([
    ['SAVE', [3, 3, 5, 5, 9, 9]],
    ['SAVE MIN', [3, 3]],
    ['SAVE MIN MAX', [3, 3, 9, 9]],
    ['SAVE MIN COUNT', [3, 3, 5, 5, 9, 9]],
  ])('saves for RETURN (%s)', async (options, saved) => {
    const { session } = await search(`SEARCH RETURN (${options}) ALL`);
    expect(session.selected.saved).toEqual(saved);
  });

  it('takes $ for what was saved', async () => {
    const session = store().session();
    const run = (text: string) => runSearch(session, session.selected, commandOf('SEARCH', text));
    await run('SEARCH RETURN (SAVE) UNSEEN');
    await run('SEARCH $ FLAGGED');
    expect(session.writer.take()).toBe('* SEARCH 2\r\n');
    await run('UID SEARCH UID $');
    expect(session.writer.take()).toBe('* SEARCH 5 9\r\n');
    await run('SEARCH RETURN (SAVE) $ DELETED');
    expect(session.selected.saved).toEqual([9, 9]);
  });

  it('fails, and saves nothing, where a body cannot be read now', async () => {
    const given = store();
    given.broken.set(5, { code: 'unavailable', after: 0 });
    const session = given.session();
    session.selected.saved = [3, 3];
    const run = (text: string) => runSearch(session, session.selected, commandOf('SEARCH', text));
    await expect(run('SEARCH RETURN (SAVE) BODY date')).rejects.toMatchObject({ code: 'unavailable' });
    expect(session.selected.saved).toEqual([]);
    expect(session.writer.take()).toBe('');
    await run('SEARCH SEEN BODY tage');
    expect(session.writer.take()).toBe('* SEARCH 1\r\n');
  });

  it('takes a body that is gone for empty', async () => {
    const given = store();
    given.broken.set(5, { code: 'not-found', after: 0 });
    expect((await search('SEARCH BODY date', given)).told).toBe('* SEARCH 3');
    expect((await search('SEARCH NOT BODY date', given)).told).toBe('* SEARCH 1 2');
  });

  it('leaves out what was expunged meanwhile', async () => {
    const given = store();
    given.gone.add(5);
    expect((await search('SEARCH BODY date', given)).told).toBe('* SEARCH 3');
  });

  it('refuses more keys on text than one look can serve', async () => {
    const keys = Array.from({ length: 65 }, (_, index) => `BODY x${index}`).join(' ');
    await expect(search(`SEARCH ${keys}`)).rejects.toMatchObject({ code: 'limit-exceeded' });
    const same = Array.from({ length: 1000 }, () => 'BODY date').join(' ');
    expect((await search(`SEARCH ${same}`)).told).toBe('* SEARCH 2 3');
  });

  it('ends when the client is gone', async () => {
    const many = Array.from({ length: 40 }, (_, index) => ({ uid: index + 1, raw: PLAIN }));
    const given = new FakeStore(many);
    const session = given.session();
    session.abort.abort();
    await expect(runSearch(session, session.selected, commandOf('SEARCH', 'SEARCH BODY date'))).rejects.toThrow();
  });

  it('finds nothing in an empty mailbox', async () => {
    expect((await search('SEARCH ALL', new FakeStore([]))).told).toBe('* SEARCH');
    expect((await search('SEARCH *', new FakeStore([]))).told).toBe('* SEARCH');
  });
});
