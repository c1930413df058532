import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyCommand } from '../arbitrary.test-support.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import { formatCommand } from '../write/command.ts';
import { parseCommand } from './parse-command.ts';

const parse = (text: string, utf8 = false) => parseCommand(Buffer.from(text, 'utf8'), utf8);

function fault(text: string): ImapSyntaxError {
  try {
    parse(text);
  } catch (error) {
    expect(error).toBeInstanceOf(ImapSyntaxError);
    return error as ImapSyntaxError;
  }
  throw new Error('no error');
}

describe('parseCommand', () => {
  it.each([false, true])('reads back what formatCommand writes (utf8 %s)', (utf8) => {
    fc.assert(
      fc.property(anyCommand, fc.boolean(), (command, literals) => {
        const octets = formatCommand(command, { utf8, literals });
        expect(parseCommand(octets.subarray(0, -2), utf8)).toStrictEqual(command);
      }),
      { numRuns: 1500 },
    );
  });

  it('throws nothing but ImapSyntaxError for mutated commands', () => {
    const mutated = fc
      .tuple(
        anyCommand,
        fc.boolean(),
        fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(2)), { minLength: 1, maxLength: 4 }),
      )
      .map(([command, literals, changes]) => {
        let octets = formatCommand(command, { literals }).subarray(0, -2);
        for (const [place, octet, kind] of changes) {
          const at = place % octets.length;
          if (kind === 0) octets[at] = octet;
          else if (kind === 1) octets = Buffer.concat([octets.subarray(0, at), octets.subarray(at + 1)]);
          else octets = Buffer.concat([octets.subarray(0, at), Buffer.of(octet), octets.subarray(at)]);
          if (octets.length === 0) break;
        }
        return octets;
      });
    fc.assert(
      fc.property(
        fc.oneof(
          mutated,
          fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets)),
        ),
        (octets) => {
          try {
            parseCommand(octets);
          } catch (error) {
            expect(error).toBeInstanceOf(ImapSyntaxError);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('tells the tag of a wrong command', () => {
    expect(fault('A1 FETCH')).toMatchObject({ tag: 'A1', code: 'syntax' });
    expect(fault('A1 NONSENSE x')).toMatchObject({ tag: 'A1', code: 'unknown-command' });
    expect(fault('+ NOOP').tag).toBeUndefined();
    expect(fault('').tag).toBeUndefined();
  });

  it('overlooks spaces at the end and refuses anything else there', () => {
    expect(parse('a noop ')).toEqual({ tag: 'a', name: 'NOOP' });
    expect(parse('a SELECT x ')).toMatchObject({ mailbox: 'x' });
    expect(fault('a NOOP x').tag).toBe('a');
  });

  it('reads mailbox names by the session’s encoding', () => {
    expect(parse('a SELECT "&ZeVnLIqe-"')).toMatchObject({ mailbox: '日本語' });
    expect(parse('a SELECT "&ZeVnLIqe-"', true)).toMatchObject({ mailbox: '&ZeVnLIqe-' });
    expect(parse('a SELECT "日本語"')).toMatchObject({ mailbox: '日本語' });
    expect(parse('a SELECT inBox/x')).toMatchObject({ mailbox: 'INBOX/x' });
    expect(fault('a SELECT "&bad"')).toMatchObject({ code: 'bad-mailbox-name', tag: 'a' });
  });

  it('expands FETCH macros and reads sections', () => {
    expect(parse('a FETCH 1 FAST')).toMatchObject({
      items: [{ type: 'FLAGS' }, { type: 'INTERNALDATE' }, { type: 'RFC822.SIZE' }],
    });
    expect(parse('a uid fetch 1:* body.peek[1.2.header.fields (Date "From")]<0.10>')).toEqual({
      tag: 'a',
      name: 'FETCH',
      uid: true,
      set: [1, 0],
      items: [
        {
          type: 'BODY[]',
          peek: true,
          section: { part: [1, 2], text: 'HEADER.FIELDS', fields: ['Date', 'From'] },
          partial: { offset: 0, length: 10 },
        },
      ],
      changedSince: undefined,
      vanished: false,
    });
    for (const item of [
      'BODY[MIME]',
      'BODY[1.]',
      'BODY[0]',
      'BODY[]<0.0>',
      '()',
      '(ALL)',
      'RFC822.SIZE[]',
      'BINARY[TEXT]',
    ]) {
      expect(fault(`a FETCH 1 ${item}`).code).toBe('syntax');
    }
    expect(fault('a FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)').code).toBe('syntax');
  });

  it('decodes search strings by their charset', () => {
    const octets = Buffer.concat([Buffer.from('a SEARCH CHARSET ISO-8859-1 SUBJECT {1+}\r\n'), Buffer.of(0xe9)]);
    expect(parseCommand(octets)).toMatchObject({
      charset: 'ISO-8859-1',
      keys: [{ type: 'subject', value: { text: 'é', octets: Buffer.of(0xe9) } }],
    });
    expect(fault('a SEARCH CHARSET X-NONE ALL')).toMatchObject({ code: 'bad-charset', tag: 'a' });
  });

  it('limits how deep search keys nest', () => {
    expect(parse(`a SEARCH ${'NOT '.repeat(50)}ALL`)).toMatchObject({ name: 'SEARCH' });
    expect(fault(`a SEARCH ${'NOT '.repeat(20_000)}ALL`).code).toBe('syntax');
    expect(fault(`a SEARCH ${'('.repeat(20_000)}`).code).toBe('syntax');
  });

  it('reads RETURN () as ALL', () => {
    expect(parse('a SEARCH RETURN () 1:3')).toMatchObject({ return: { all: true, min: false } });
  });

  it('bounds numbers', () => {
    expect(parse('a SEARCH MODSEQ 9223372036854775807')).toMatchObject({ keys: [{ modSeq: Number.MAX_SAFE_INTEGER }] });
    expect(fault('a SEARCH MODSEQ 9223372036854775808').code).toBe('syntax');
    expect(fault('a FETCH 4294967296 UID').code).toBe('syntax');
    expect(fault('a FETCH 0 UID').code).toBe('syntax');
  });

  it('reads STORE flags with and without parentheses', () => {
    expect(parse('a STORE 1 +FLAGS.SILENT \\seen $X')).toMatchObject({
      mode: 'add',
      silent: true,
      flags: ['\\Seen', '$X'],
    });
    expect(parse('a STORE 1 (UNCHANGEDSINCE 5) -FLAGS ()')).toMatchObject({
      mode: 'remove',
      flags: [],
      unchangedSince: 5,
    });
    expect(fault('a STORE 1 FLAGS (\\*)').code).toBe('syntax');
  });

  it('reads basic and extended LIST', () => {
    expect(parse('a LIST "" %')).toMatchObject({ extended: false, reference: '', patterns: ['%'] });
    expect(parse('a LIST (SUBSCRIBED) "" (a/* "b") RETURN (CHILDREN STATUS (MESSAGES SIZE))')).toMatchObject({
      extended: true,
      select: { subscribed: true },
      patterns: ['a/*', 'b'],
      return: { children: true, status: ['MESSAGES', 'SIZE'] },
    });
    expect(fault('a LIST (RECURSIVEMATCH) "" *').code).toBe('syntax');
    expect(fault('a LIST "" * RETURN (X)').code).toBe('syntax');
  });

  it('reads QRESYNC without * and $', () => {
    expect(parse('a SELECT x (QRESYNC (67890007 90060115194045000 41,43:211 (1,3 5,7)))')).toMatchObject({
      qresync: { uidValidity: 67890007, knownUids: [41, 41, 43, 211], match: { sequences: [1, 1, 3, 3] } },
    });
    expect(fault('a SELECT x (QRESYNC (1 2 1:*))').code).toBe('syntax');
    expect(fault('a SELECT x (QRESYNC (1 2 $))').code).toBe('syntax');
  });

  it('takes only canonical base64', () => {
    expect(parse('a AUTHENTICATE plain =')).toMatchObject({ mechanism: 'PLAIN', initialResponse: Buffer.alloc(0) });
    expect(parse('a AUTHENTICATE PLAIN AGEAYg==')).toMatchObject({ initialResponse: Buffer.from('\0a\0b') });
    expect(fault('a AUTHENTICATE PLAIN AGEAYg').code).toBe('syntax');
  });
});
