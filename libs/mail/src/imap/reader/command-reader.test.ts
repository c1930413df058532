import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyCommand, chunksOf } from '../arbitrary.test-support.ts';
import type { ImapCommand } from '../command.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import { formatCommand } from '../write/command.ts';
import { ImapCommandReader } from './command-reader.ts';
import type { ImapReaderEvent } from './events.ts';

type Seen = ImapReaderEvent | string;

/** All events of the chunks, the octets of a message joined; `accept` decides on each APPEND. */
function readAll(reader: ImapCommandReader, chunks: readonly Uint8Array[], accept = true): Seen[] {
  const events: Seen[] = [];
  let body: Buffer[] | undefined;
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      if (event.type === 'body') {
        body?.push(event.octets);
        continue;
      }
      if (event.type === 'append') {
        body = [];
        if (accept) reader.acceptAppend();
        else reader.rejectAppend();
      }
      if (event.type === 'append-end') events.push(`body ${Buffer.concat(body ?? []).toString('latin1')}`);
      if (event.type === 'error') events.push(`error ${event.error.tag} ${event.error.code} ${event.fatal}`);
      else if (event.type === 'append-end' && event.error) events.push(`append-end ${event.error.tag}`);
      else events.push(event);
    }
  }
  return events;
}

const bytes = (text: string) => Buffer.from(text, 'latin1');
const read = (text: string, reader = new ImapCommandReader(), accept = true) => readAll(reader, [bytes(text)], accept);

/** A conversation: commands and, behind each APPEND, its message. */
function script(commands: readonly ImapCommand[], literals: boolean): Buffer {
  return Buffer.concat(
    commands.flatMap((command) => {
      const octets = formatCommand(command, { literals });
      if (command.name !== 'APPEND') return [octets];
      return [octets, Buffer.alloc(command.size, 'x\r\n'), bytes(command.utf8 ? ')\r\n' : '\r\n')];
    }),
  );
}

describe('ImapCommandReader', () => {
  it('gives the commands that were sent, however they are split', () => {
    fc.assert(
      fc.property(
        fc
          .tuple(fc.array(anyCommand, { maxLength: 6 }), fc.boolean())
          .chain(([commands, literals]) => fc.tuple(fc.constant(commands), chunksOf(script(commands, literals)))),
        ([commands, chunks]) => {
          const events = readAll(new ImapCommandReader(), chunks);
          const got = events.flatMap((event) =>
            typeof event === 'object' && 'command' in event ? [event.command] : [],
          );
          expect(got).toStrictEqual(commands);
          expect(events.filter((event) => typeof event === 'string' && event.startsWith('error'))).toEqual([]);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('gives the same events for any split of any octets', () => {
    const piece = fc.oneof(
      anyCommand.map((command) => formatCommand(command, { literals: true })),
      fc
        .constantFrom(
          '{5+}\r\n',
          '{3}\r\n',
          '{70+}\n',
          'a APPEND x ',
          '\r\n',
          '\n',
          ')',
          '"',
          '{999999999999999999999+}\r\n',
          '{0}',
        )
        .map(bytes),
      fc.uint8Array({ maxLength: 40 }),
    );
    fc.assert(
      fc.property(
        fc
          .tuple(
            fc.array(piece, { maxLength: 8 }).map((pieces) => Buffer.concat(pieces)),
            fc.boolean(),
          )
          .chain(([octets, accept]) => fc.tuple(fc.constant(octets), chunksOf(octets), fc.constant(accept))),
        ([octets, chunks, accept]) => {
          const limits = { lineOctets: 60, literalOctets: 64, skipOctets: 300 };
          const whole = readAll(new ImapCommandReader(limits), [octets], accept);
          expect(readAll(new ImapCommandReader(limits), chunks, accept)).toStrictEqual(whole);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('asks for a continuation request at each synchronizing literal', () => {
    const reader = new ImapCommandReader();
    expect(read('a LOGIN {5}\r\n', reader)).toEqual([{ type: 'continue' }]);
    expect(read('alice {3}\r\n', reader)).toEqual([{ type: 'continue' }]);
    expect(read('a\r\n\r\n', reader)).toEqual([
      { type: 'command', command: { tag: 'a', name: 'LOGIN', user: 'alice', password: 'a\r\n' } },
    ]);
    expect(reader.betweenCommands).toBe(true);
  });

  it('takes a bare LF as a line end', () => {
    expect(read('a LOGIN {1+}\nx y\nb NOOP\n')).toMatchObject([{ command: { user: 'x' } }, { command: { tag: 'b' } }]);
  });

  it('streams the message of an APPEND after the decision', () => {
    const reader = new ImapCommandReader();
    reader.push(bytes('a APPEND {5+}\r\nINBOX (\\Seen) {6}\r\n'));
    expect(reader.next()).toMatchObject({
      type: 'append',
      command: { tag: 'a', mailbox: 'INBOX', flags: ['\\Seen'], size: 6, synchronizing: true },
    });
    expect(reader.next()).toBeUndefined();
    reader.acceptAppend();
    reader.push(bytes('abc'));
    expect(reader.next()).toEqual({ type: 'body', octets: bytes('abc') });
    expect(reader.next()).toBeUndefined();
    reader.push(bytes('def\r\nb NOOP\r\n'));
    expect(reader.next()).toEqual({ type: 'body', octets: bytes('def') });
    expect(reader.next()).toEqual({ type: 'append-end', error: undefined });
    expect(reader.next()).toMatchObject({ type: 'command', command: { tag: 'b' } });
  });

  it('skips a rejected message that comes anyway, and expects none that waits', () => {
    const [append, next] = read('a APPEND x {6+}\r\n{9+}\r\n\r\nb NOOP\r\n', new ImapCommandReader(), false);
    expect([append, next]).toMatchObject([{ type: 'append' }, { command: { tag: 'b' } }]);
    expect(read('a APPEND x {6}\r\nb NOOP\r\n', new ImapCommandReader(), false)).toMatchObject([
      { type: 'append' },
      { command: { tag: 'b' } },
    ]);
  });

  it('reports text after the message, second messages included', () => {
    expect(read('a APPEND x {1+}\r\ny (\\Seen) {4+}\r\nb X\n\r\nc NOOP\r\n')).toMatchObject([
      { type: 'append' },
      'body y',
      'append-end a',
      { command: { tag: 'c' } },
    ]);
  });

  it('reports a wrong APPEND without a continuation request, and skips what comes anyway', () => {
    expect(read('a APPEND x (bad {4}\r\nb NOOP\r\n')).toMatchObject([
      'error a syntax false',
      { command: { tag: 'b' } },
    ]);
    expect(read('a APPEND x (bad {4+}\r\nb X\n\r\nc NOOP\r\n')).toMatchObject([
      'error a syntax false',
      { command: { tag: 'c' } },
    ]);
  });

  it('refuses literals and lines beyond the limits', () => {
    const reader = new ImapCommandReader({ lineOctets: 40, literalOctets: 10, skipOctets: 1000 });
    expect(read('a LOGIN {11}\r\nb NOOP\r\n', reader)).toMatchObject([
      'error a literal-too-large false',
      { command: { tag: 'b' } },
    ]);
    expect(read('a LOGIN {6+}\r\n123456 {5+}\r\n12345\r\nb NOOP\r\n', reader)).toMatchObject([
      'error a literal-too-large false',
      { command: { tag: 'b' } },
    ]);
    expect(read(`a LOGIN ${'x'.repeat(50)} {3+}\r\ny\r\n\r\nb NOOP\r\n`, reader)).toMatchObject([
      'error a line-too-long false',
      { command: { tag: 'b' } },
    ]);
    expect(read(`a ID ({0+}\r\n ${'{0+}\r\n '.repeat(10)}\r\nb NOOP\r\n`, reader)).toMatchObject([
      'error a line-too-long false',
      { command: { tag: 'b' } },
    ]);
    expect(read('a LOGIN {1001+}\r\n', reader)).toEqual(['error a literal-too-large true']);
    expect(read('b NOOP\r\n', reader)).toEqual([]);
  });

  it('holds little memory while an endless line comes', () => {
    const reader = new ImapCommandReader({ lineOctets: 1000 });
    const chunk = Buffer.alloc(65_536, 'x');
    let events = 0;
    for (let i = 0; i < 200; i++) {
      reader.push(chunk);
      for (let event = reader.next(); event !== undefined; event = reader.next()) {
        events++;
        expect(event).toMatchObject({ type: 'error', fatal: true });
      }
      expect(reader.unread).toBeLessThan(1000);
    }
    expect(events).toBe(1);
  });

  it('takes time in proportion to the octets when they come one by one', () => {
    const reader = new ImapCommandReader({ lineOctets: 1_000_000, literalOctets: 1_000_000 });
    const octets = bytes(`a LOGIN {400000+}\r\n${'x'.repeat(400_000)} ${'y'.repeat(400_000)}\r\n`);
    const events = readAll(
      reader,
      Array.from(octets, (_, index) => octets.subarray(index, index + 1)),
    );
    expect(events).toMatchObject([{ command: { name: 'LOGIN' } }]);
  });

  it('reads lines as they are when asked to', () => {
    const reader = new ImapCommandReader();
    expect(read('a IDLE\r\n', reader)).toMatchObject([{ command: { name: 'IDLE' } }]);
    reader.expectLine(10);
    expect(read('DO', reader)).toEqual([]);
    expect(read('NE\r\nb NOOP\r\n', reader)).toMatchObject([
      { type: 'line', line: bytes('DONE') },
      { command: { tag: 'b' } },
    ]);
    reader.expectLine(10);
    expect(read(`${'x'.repeat(11)}{9+}\r\nb NOOP\r\n`, reader)).toMatchObject([
      'error undefined line-too-long false',
      { command: { tag: 'b' } },
    ]);
  });

  it('gives up what was read before TLS began', () => {
    const reader = new ImapCommandReader();
    reader.push(bytes('a STARTTLS\r\nb LOGIN x y\r\nc LOG'));
    expect(reader.next()).toMatchObject({ command: { name: 'STARTTLS' } });
    expect(reader.hasPending).toBe(true);
    expect(reader.takeUnread().toString()).toBe('b LOGIN x y\r\nc LOG');
    expect(reader.hasPending).toBe(false);
    expect(read('d NOOP\r\n', reader)).toMatchObject([{ command: { tag: 'd' } }]);
  });

  it('says BAD to an APPEND without a message', () => {
    const [event] = read('a APPEND x\r\n');
    expect(event).toBe('error a syntax false');
    expect(new ImapSyntaxError('x').code).toBe('syntax');
  });
});
