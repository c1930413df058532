import { describe, expect, it } from 'vitest';
import { commandOf, FakeStore } from '../../test/support/fake-store.ts';
import { runFetch } from './index.ts';

const crlf = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');

const MIXED = crlf(`From: Ann <ann@example.test>
Subject: mixed
Date: Mon, 1 Jan 2024 10:00:00 +0000
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

hello
--b
Content-Type: application/x; name=n
Content-Transfer-Encoding: base64

AAEC
--b
Content-Type: text/plain
Content-Transfer-Encoding: x-strange

odd
--b--
`);
const SMALL = crlf('Subject: small\n\ntext\n');

const store = () =>
  new FakeStore([
    { uid: 2, raw: SMALL, seconds: Date.UTC(2024, 0, 2, 3, 4, 5) / 1000, modseq: 4 },
    { uid: 5, raw: MIXED, flags: 1, modseq: 6 },
    { uid: 6, raw: SMALL, modseq: 8 },
  ]);

async function fetch(text: string, given = store(), options = {}, readOnly = false) {
  const session = given.session(options, readOnly);
  const completion = await runFetch(session, session.selected, commandOf('FETCH', text));
  return { completion, told: session.writer.take(), session };
}

const ok = { condition: 'OK' };

describe('FETCH', () => {
  it.each([
    ['FETCH 1 FLAGS', '* 1 FETCH (FLAGS ())\r\n'],
    [
      'FETCH 1 (UID RFC822.SIZE INTERNALDATE)',
      '* 1 FETCH (UID 2 RFC822.SIZE 24 INTERNALDATE " 2-Jan-2024 03:04:05 +0000")\r\n',
    ],
    ['UID FETCH 5:* FLAGS', '* 2 FETCH (UID 5 FLAGS (\\Seen))\r\n* 3 FETCH (UID 6 FLAGS ())\r\n'],
    ['UID FETCH 3:4 FLAGS', ''],
    ['FETCH 1 MODSEQ', '* 1 FETCH (MODSEQ (4))\r\n'],
    ['UID FETCH 1:* (FLAGS) (CHANGEDSINCE 6)', '* 3 FETCH (UID 6 MODSEQ (8) FLAGS ())\r\n'],
  ])('%s is answered by the index alone', async (command, told) => {
    const given = store();
    const answer = await fetch(command, given);
    expect(answer.completion).toMatchObject(ok);
    expect(answer.told).toContain(told);
    expect(given.calls).toEqual([]);
  });

  it.each([
    ['BODY.PEEK[]', `BODY[] {${SMALL.length}}\r\n${SMALL.toString('latin1')}`],
    ['RFC822.HEADER', 'RFC822.HEADER {18}\r\nSubject: small\r\n\r\n'],
    ['BODY.PEEK[TEXT]<1.2>', 'BODY[TEXT]<1> {2}\r\nex'],
    ['BODY.PEEK[TEXT]<9.2>', 'BODY[TEXT]<9> ""'],
    ['BODY.PEEK[1.MIME]', 'BODY[1.MIME] {18}\r\nSubject: small\r\n\r\n'],
    ['BODY.PEEK[2]', 'BODY[2] NIL'],
    ['BODY.PEEK[HEADER.FIELDS (subject x)]', 'BODY[HEADER.FIELDS (subject x)] {18}\r\nSubject: small\r\n\r\n'],
    ['BODY.PEEK[HEADER.FIELDS (x)]<1.5>', 'BODY[HEADER.FIELDS (x)]<1> {1}\r\n\n'],
    ['BODY.PEEK[HEADER.FIELDS.NOT (subject)]', 'BODY[HEADER.FIELDS.NOT (subject)] {2}\r\n\r\n'],
    ['(UID BODY.PEEK[1])', 'UID 2 BODY[1] {6}\r\ntext\r\n'],
    ['BODYSTRUCTURE', 'BODYSTRUCTURE ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 1 NIL NIL NIL NIL)'],
    ['ENVELOPE', 'ENVELOPE (NIL "small" NIL NIL NIL NIL NIL NIL NIL NIL)'],
  ])('%s', async (item, value) => {
    const { told, completion } = await fetch(`FETCH 1 ${item}`);
    expect(completion).toMatchObject(ok);
    expect(told.toLowerCase()).toBe(`* 1 FETCH (${value})\r\n`.toLowerCase());
  });

  it.each([
    ['BINARY.PEEK[2]', 'BINARY[2] ~{3}\r\n\0\x01\x02'],
    ['BINARY.PEEK[2]<1.9>', 'BINARY[2]<1> {2}\r\n\x01\x02'],
    ['BINARY.SIZE[2]', 'BINARY.SIZE[2] 3'],
    ['BINARY.SIZE[1]', 'BINARY.SIZE[1] 5'],
    ['BINARY.PEEK[9]', 'BINARY[9] NIL'],
    ['BINARY.SIZE[]', `BINARY.SIZE[] ${MIXED.length}`],
  ])('%s', async (item, value) => {
    expect((await fetch(`FETCH 2 ${item}`)).told).toBe(`* 2 FETCH (${value})\r\n`);
  });

  it('decodes large parts piece by piece', async () => {
    const content = Buffer.alloc(600_000, 'abc\0');
    const encoded = content.toString('base64').replaceAll(/.{76}/g, '$&\r\n');
    const raw = crlf('Content-Transfer-Encoding: base64\n\n');
    const given = new FakeStore([{ uid: 1, raw: Buffer.concat([raw, Buffer.from(encoded)]) }]);
    given.pieces = [10_007];
    const whole = await fetch('FETCH 1 BINARY.PEEK[1]', given);
    expect(whole.told).toBe(`* 1 FETCH (BINARY[1] ~{600000}\r\n${content.toString('latin1')})\r\n`);
    const part = await fetch('FETCH 1 BINARY.PEEK[1]<299999.4>', given);
    expect(part.told).toBe(`* 1 FETCH (BINARY[1]<299999> ~{4}\r\n\0abc)\r\n`);
  });

  it('refuses to decode what it does not know, and leaves the other messages in', async () => {
    const { completion, told } = await fetch('FETCH 1:3 (BINARY.PEEK[3] BODY.PEEK[TEXT])');
    expect(completion).toMatchObject({ condition: 'NO', code: 'UNKNOWN-CTE' });
    expect(told.match(/^\* \d FETCH/gm)).toEqual(['* 1 FETCH', '* 3 FETCH']);
  });

  it('sets \\Seen with one call, and shows it', async () => {
    const given = store();
    const { told } = await fetch('FETCH 1:* (FLAGS BODY[TEXT])', given);
    expect(given.calls.filter((call) => call === 'storeFlags')).toHaveLength(1);
    expect(told.match(/FLAGS \(\\Seen\)/g)).toHaveLength(3);
    expect(given.messages.map(({ flags }) => flags & 1)).toEqual([1, 1, 1]);
  });

  it.each([
    ['FETCH 1:* BODY.PEEK[]', false],
    ['FETCH 1:* BODY[]', true],
    ['FETCH 2 BODY[]', false],
    ['FETCH 1 RFC822.HEADER', false],
  ])('%s sets no flag (read-only: %s)', async (command, readOnly) => {
    const given = store();
    await fetch(command, given, {}, readOnly);
    expect(given.calls).not.toContain('storeFlags');
  });

  it('reads the bodies of many messages with one call, and of them what was asked for', async () => {
    const given = new FakeStore(Array.from({ length: 100 }, (_, index) => ({ uid: index + 1, raw: MIXED })));
    const { told } = await fetch('FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[1])', given);
    expect(told.match(/Subject: mixed\r\n\r\n BODY\[1\] \{5\}\r\nhello\)/g)).toHaveLength(100);
    expect(given.calls).toEqual(['fetchMessages', 'read']);
    const header = MIXED.indexOf('\r\n\r\n') + 4;
    expect(given.octetsRead).toBe(100 * (header + 5));
  });

  it('writes the responses of many messages as few pieces', async () => {
    const given = new FakeStore(Array.from({ length: 1000 }, (_, index) => ({ uid: index + 1, raw: MIXED })));
    given.together = 100;
    const fetched = await fetch('FETCH 1:* (ENVELOPE BODY.PEEK[HEADER.FIELDS (SUBJECT)])', given);
    expect(fetched.told.match(/^\* \d+ FETCH \(ENVELOPE \("Mon, .*\r\nSubject: mixed\r\n\r\n\)/gm)).toHaveLength(1000);
    expect(fetched.session.writer.writes).toBe(Math.ceil(fetched.told.length / 65_536));
    // The records with one call, and the bodies with one for each 256 messages.
    expect(given.calls).toEqual(['fetchMessages', 'read', 'read', 'read', 'read']);
  });

  it('keeps the order of small and large pieces, and takes back only what failed', async () => {
    const large = (octets: number) => Buffer.concat([crlf('Subject: large\n\n'), Buffer.alloc(octets, 'x')]);
    const sizes = [10, 70_000, 300_000, 20, 40_000, 0];
    const given = new FakeStore(sizes.map((size, index) => ({ uid: index + 1, raw: large(size) })));
    given.broken.set(4, { code: 'unavailable', after: 5 });
    given.broken.set(5, { code: 'unavailable', after: 20_000 });
    for (given.together of [1, 3]) {
      const { told, completion } = await fetch('FETCH 1:* (UID BODY.PEEK[])', given);
      const shown = sizes.flatMap((size, index) => {
        const raw = large(size).toString('latin1');
        const line = `* ${index + 1} FETCH (UID ${index + 1} BODY[] {${raw.length}}\r\n${raw})\r\n`;
        return index === 3 || index === 4 ? [] : [line];
      });
      expect(told).toBe(shown.join(''));
      expect(completion).toMatchObject({ condition: 'NO', code: 'UNAVAILABLE' });
    }
  });

  it('answers with ascending message numbers and leaves out what was expunged', async () => {
    const given = store();
    given.gone.add(5);
    const { told, completion } = await fetch('FETCH 3,1:2 (ENVELOPE)', given);
    expect(told.match(/^\* \d/gm)).toEqual(['* 1', '* 3']);
    expect(completion).toMatchObject({ condition: 'NO', code: 'EXPUNGEISSUED' });
  });

  it.each([0, 3, 18])('leaves out a message whose body breaks after %i octets', async (after) => {
    const given = store();
    given.pieces = [2];
    given.broken.set(2, { code: 'unavailable', after });
    const { told, completion } = await fetch(
      'FETCH 1,3 (BODY.PEEK[HEADER.FIELDS (X)] BODY.PEEK[] BODY.PEEK[1])',
      given,
    );
    expect(told.match(/^\* \d FETCH/gm)).toEqual(['* 3 FETCH']);
    expect(told).toContain(`BODY[] {${SMALL.length}}\r\n${SMALL.toString('latin1')} BODY[1] {6}\r\ntext\r\n)\r\n`);
    expect(completion).toMatchObject({ condition: 'NO', code: 'UNAVAILABLE' });
  });

  it('ends the connection where announced octets do not come', async () => {
    const raw = Buffer.concat([crlf('Subject: long\n\n'), Buffer.alloc(1 << 20, 'x')]);
    const given = new FakeStore([{ uid: 1, raw }]);
    given.broken.set(1, { code: 'unavailable', after: 600_000 });
    const session = given.session();
    const running = runFetch(session, session.selected, commandOf('FETCH', 'FETCH 1 BODY.PEEK[]'));
    await expect(running).rejects.toMatchObject({ name: 'ConnectionEnded' });
    expect(session.writer.take()).toMatch(/^\* 1 FETCH \(BODY\[\] \{1048593\}\r\nSubject: long\r\n\r\nx+$/);
  });

  it('needs QRESYNC for VANISHED', async () => {
    const { completion } = await fetch('UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)');
    expect(completion).toMatchObject({ condition: 'BAD' });
  });

  it('refuses numbers that no message has', async () => {
    await expect(fetch('FETCH 4 FLAGS')).rejects.toThrow('out of range');
  });
});
