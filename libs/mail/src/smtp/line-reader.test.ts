import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SmtpLineReader } from './line-reader.ts';
import { cuts, soup, split } from './splits.test-support.ts';

const LIMITS = { command: 16, envelope: 24, auth: 40 };

function events(reader: SmtpLineReader, chunks: readonly Buffer[]): string[] {
  const seen: string[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      seen.push(event.type === 'line' ? `line ${event.line.toString('latin1')}` : event.fault);
    }
  }
  return seen;
}

function read(text: string): string[] {
  return events(new SmtpLineReader(LIMITS), [Buffer.from(text, 'latin1')]);
}

describe('SmtpLineReader', () => {
  it('gives pipelined lines, and keeps the octets after the last one taken', () => {
    const reader = new SmtpLineReader();
    reader.push(Buffer.from('NOOP\r\nDATA\r\nSubject: x\r\n'));
    expect(reader.next()).toMatchObject({ type: 'line', line: Buffer.from('NOOP') });
    expect(reader.next()).toMatchObject({ type: 'line', line: Buffer.from('DATA') });
    expect(reader.buffered).toBe(12);
    reader.push(Buffer.from('\r\n.'));
    expect(reader.takeRemaining().toString()).toBe('Subject: x\r\n\r\n.');
    expect(reader.buffered).toBe(0);
    expect(reader.next()).toBeUndefined();
  });

  it('gives back the begun line too', () => {
    const reader = new SmtpLineReader();
    expect(events(reader, [Buffer.from('MAIL')])).toEqual([]);
    reader.push(Buffer.from(' FROM'));
    expect(reader.takeRemaining().toString()).toBe('MAIL FROM');
    expect(events(reader, [Buffer.from('QUIT\r\n')])).toEqual(['line QUIT']);
  });

  it.each([
    ['a\nb\r\nNOOP\r\n', ['bare-lf', 'line NOOP']],
    ['a\rb\r\nNOOP\r\n', ['bare-cr', 'line NOOP']],
    ['a\r\r\nNOOP\r\n', ['bare-cr', 'line NOOP']],
    ['\n\r\nNOOP\r\n', ['bare-lf', 'line NOOP']],
    ['\r\n\r\n', ['line ', 'line ']],
    ['a\n', ['bare-lf']],
    ['a\r', []],
  ])('reads %j', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('limits lines by their verb, CRLF counted', () => {
    expect(read(`${'x'.repeat(14)}\r\n`)).toHaveLength(1);
    expect(read(`${'x'.repeat(15)}\r\nNOOP\r\n`)).toEqual(['too-long', 'line NOOP']);
    expect(read(`mail${'x'.repeat(18)}\r\n`)[0]).toMatch(/^line/);
    expect(read(`RCPT${'x'.repeat(19)}\r\n`)).toEqual(['too-long']);
    expect(read(`Auth${'x'.repeat(34)}\r\n`)[0]).toMatch(/^line/);
    expect(read('x'.repeat(16))).toEqual(['too-long']);
    const reader = new SmtpLineReader(LIMITS);
    reader.authenticating = true;
    expect(events(reader, [Buffer.from(`${'x'.repeat(38)}\r\n`)])[0]).toMatch(/^line/);
  });

  it('holds no more than the limit while an endless line comes', () => {
    const reader = new SmtpLineReader();
    const seen = events(reader, new Array(1000).fill(Buffer.from('A'.repeat(1000))));
    expect(seen).toEqual(['too-long']);
    expect(reader.buffered).toBe(0);
  });

  it('sees the same however the octets are cut', () => {
    const text = soup(
      '\r\n',
      '\r',
      '\n',
      'NOOP',
      'AUTH ',
      'mail ',
      'x'.repeat(15),
      'x'.repeat(16),
      'x'.repeat(35),
      '\r\r\n',
    );
    fc.assert(
      fc.property(text, cuts, (input, lengths) => {
        const bytes = Buffer.from(input, 'latin1');
        const whole = new SmtpLineReader(LIMITS);
        const cut = new SmtpLineReader(LIMITS);
        expect(events(cut, split(bytes, lengths))).toEqual(events(whole, [bytes]));
        expect(cut.takeRemaining()).toEqual(whole.takeRemaining());
      }),
      { numRuns: 2000 },
    );
  });

  it('never makes a line of what a bare line end touches', () => {
    const text = soup('\r\n', '\r', '\n', 'a');
    fc.assert(
      fc.property(text, (input) => {
        const lines = read(`${input}\r\n`).filter((event) => event.startsWith('line '));
        const clean = `${input}\r\n`
          .split('\r\n')
          .slice(0, -1)
          .filter((line) => line.length < 15 && !/[\r\n]/.test(line));
        expect(lines).toEqual(clean.map((line) => `line ${Buffer.from(line, 'latin1').toString('latin1')}`));
      }),
      { numRuns: 1000 },
    );
  });
});
