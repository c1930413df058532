import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataDecoder, type DataDecoderOptions } from './data-decoder.ts';
import { DotStuffer } from './dot-stuffer.ts';
import { cuts, soup, split } from './splits.test-support.ts';

function decode(chunks: readonly Buffer[], options?: DataDecoderOptions) {
  const decoder = new DataDecoder(options);
  const body = Buffer.concat(chunks.flatMap((chunk) => decoder.write(chunk))).toString('latin1');
  const { header, ...statistics } = { ...facts(decoder) };
  return { ended: decoder.ended, body, rest: decoder.takeRemaining().toString('latin1'), statistics, header };
}

function facts(decoder: DataDecoder) {
  const { size, bareLf, bareCr, nul, eightBit, longestLine, longLine, headerSize, endsWithCrlf } = decoder.statistics;
  const { received, hasDate, hasMessageId, hasFrom } = decoder.statistics.header;
  const header = { received, hasDate, hasMessageId, hasFrom };
  return { size, bareLf, bareCr, nul, eightBit, longestLine, longLine, headerSize, endsWithCrlf, header };
}

function decodeText(text: string, options?: DataDecoderOptions) {
  return decode([Buffer.from(text, 'latin1')], options);
}

const alphabet = soup('\r\n', '.', '\r\n.', '\r\n.\r\n', '\r', '\n', 'a', '\n.\n', '\n.\r\n', '\r\n.\r', '\0', '\xe9');

describe('DataDecoder', () => {
  it('takes dots away, ends at CRLF . CRLF, keeps what follows', () => {
    const { ended, body, rest } = decodeText('a\r\n..b\r\n.c\r\n...\r\n.\r\nQUIT\r\n');
    expect(ended).toBe(true);
    expect(body).toBe('a\r\n.b\r\nc\r\n..\r\n');
    expect(rest).toBe('QUIT\r\n');
  });

  it('ends at once on an empty message', () => {
    expect(decodeText('.\r\n')).toMatchObject({ ended: true, body: '', statistics: { size: 0, endsWithCrlf: false } });
  });

  it.each([
    ['\n.\n'],
    ['\r\n.\n'],
    ['\n.\r\n'],
    ['\r.\r'],
    ['\r\n.\r'],
    ['\r.\r\n'],
    ['\r\n\0.\r\n'],
    ['\r\n.\0\r\n'],
    ['\r\n.\r\r\n'],
    ['\r\r\n..\r\n'],
    ['\n\n.\r\n'],
    ['\r\n. \r\n'],
    ['\x85.\x85'],
  ])('does not end at %j', (smuggled) => {
    for (const bareLineEnds of ['reject', 'convert'] as const) {
      const text = `first${smuggled}MAIL FROM:<evil@example.test>\r\n`;
      expect(decodeText(text, { bareLineEnds }).ended).toBe(false);
      const whole = decodeText(`${text}.\r\nNOOP\r\n`, { bareLineEnds });
      expect(whole.ended).toBe(true);
      expect(whole.body).toContain('MAIL FROM:<evil@example.test>\r\n');
      expect(whole.rest).toBe('NOOP\r\n');
    }
  });

  it('tells bare line ends and keeps them, or converts them', () => {
    const text = 'a\nb\rc\r\r\nd\r\n.\r\n';
    expect(decodeText(text)).toMatchObject({ body: 'a\nb\rc\r\r\nd\r\n', statistics: { bareLf: true, bareCr: true } });
    expect(decodeText(text, { bareLineEnds: 'convert' })).toMatchObject({
      body: 'a\r\nb\r\nc\r\nd\r\n',
      statistics: { bareLf: true, bareCr: true, size: 12 },
    });
    expect(decodeText('a\r\n.\r\n').statistics).toMatchObject({ bareLf: false, bareCr: false });
  });

  it('measures lines without added dots, finds NUL and 8-bit before the end only', () => {
    const { statistics } = decodeText(`..${'x'.repeat(997)}\r\n.\r\n\0\xff`);
    expect(statistics).toMatchObject({ longestLine: 998, longLine: false, nul: false, eightBit: false });
    expect(decodeText(`${'x'.repeat(999)}\r\n.\r\n`).statistics.longLine).toBe(true);
    expect(decodeText('123456\r\n.\r\n', { maxLine: 5 }).statistics.longLine).toBe(true);
    expect(decodeText('\0\xe9\r\n.\r\n').statistics).toMatchObject({ nul: true, eightBit: true });
  });

  it('looks into the header block, and no further', () => {
    const text =
      'RECEIVED: a\r\n b\r\nReceived : c\r\nDate: d\r\nX-From: e\r\n From: f\r\nSubject: Message-ID: x\r\n\r\n' +
      'Received: x\r\nFrom: y\r\nMessage-ID: z\r\n.\r\n';
    const { header, statistics } = decodeText(text);
    expect(header).toEqual({ received: 2, hasDate: true, hasMessageId: false, hasFrom: false });
    expect(statistics.headerSize).toBe(text.indexOf('\r\n\r\n') + 4);
    expect(decodeText('Message-Id: a\r\nfrom: b\r\n.\r\n').header).toMatchObject({ hasMessageId: true, hasFrom: true });
    expect(decodeText('\r\nDate: body\r\n.\r\n')).toMatchObject({
      header: { hasDate: false },
      statistics: { headerSize: 2 },
    });
  });

  it('gives out views on a chunk that needs no change', () => {
    const chunk = Buffer.from('a: b\r\n\r\ntext\r\n');
    const [piece, ...more] = new DataDecoder().write(chunk);
    expect(more).toEqual([]);
    expect(piece!.buffer).toBe(chunk.buffer);
    expect(piece!.byteOffset).toBe(chunk.byteOffset);
  });

  it('copies many pieces into one', () => {
    const pieces = new DataDecoder().write(Buffer.from('..a\r\n'.repeat(1000)));
    expect(pieces).toHaveLength(1);
    expect(pieces[0]!.toString()).toBe('.a\r\n'.repeat(1000));
  });

  it('sees the same however the octets are cut', () => {
    fc.assert(
      fc.property(alphabet, cuts, fc.constantFrom('reject', 'convert'), (text, lengths, bareLineEnds) => {
        const bytes = Buffer.from(`${text}\r\n.\r\nQUIT`, 'latin1');
        const whole = decode([bytes], { bareLineEnds });
        expect(decode(split(bytes, lengths), { bareLineEnds })).toEqual(whole);
        expect(whole.ended).toBe(true);
        expect(whole.statistics.size).toBe(whole.body.length);
      }),
      { numRuns: 1000 },
    );
  });

  it('agrees with a plain model on where a message ends and what it holds', () => {
    fc.assert(
      fc.property(alphabet, (text) => {
        const stream = `\r\n${text}\r\n.\r\n`;
        const end = stream.indexOf('\r\n.\r\n');
        const body = stream.slice(2, end + 2).replace(/(^|\r\n)\./g, '$1');
        const result = decodeText(stream.slice(2));
        expect(result.body).toBe(body);
        expect(result.rest).toBe(stream.slice(end + 5));
        expect(result.statistics.bareLf).toBe(/(^|[^\r])\n/.test(stream.slice(2, end + 2)));
        expect(result.statistics.bareCr).toBe(/\r([^\n]|$)/.test(stream.slice(2, end + 2)));
      }),
      { numRuns: 1000 },
    );
  });

  it('converts to text without bare line ends', () => {
    fc.assert(
      fc.property(alphabet, (text) => {
        const { body } = decodeText(`${text}\r\n.\r\n`, { bareLineEnds: 'convert' });
        expect(body.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
      }),
    );
  });

  it('takes time in proportion on hostile octets', () => {
    for (const unit of ['\n', '\r', '\r\n.', '\r\n.\r', 'a', '\r\n']) {
      const decoder = new DataDecoder();
      const chunk = Buffer.from(unit.repeat(Math.ceil(1_000_000 / unit.length)));
      const started = performance.now();
      decoder.write(chunk);
      // A quadratic walk would take minutes.
      expect(performance.now() - started).toBeLessThan(10_000);
    }
  });
});

describe('DotStuffer', () => {
  function stuff(chunks: readonly Buffer[]): Buffer {
    const stuffer = new DotStuffer();
    return Buffer.concat([...chunks.flatMap((chunk) => stuffer.write(chunk)), stuffer.end()]);
  }

  it.each([
    ['', '.\r\n'],
    ['a', 'a\r\n.\r\n'],
    ['a\r\n', 'a\r\n.\r\n'],
    ['.\r\n', '..\r\n.\r\n'],
    ['a\n.\nb', 'a\r\n..\r\nb\r\n.\r\n'],
    ['a\r.\r', 'a .\r\n.\r\n'],
    ['a\r\n.\r', 'a\r\n..\r\n.\r\n'],
    ['a\r\r\n.', 'a \r\n..\r\n.\r\n'],
  ])('encodes %j', (text, encoded) => {
    expect(stuff([Buffer.from(text)]).toString()).toBe(encoded);
    expect(stuff(split(Buffer.from(text), [1])).toString()).toBe(encoded);
  });

  it('is undone by the decoder, whatever the cuts', () => {
    const lines = fc.array(
      soup('.', '..', 'a', '').map((text) => text.replace(/[\r\n]/g, '')),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(lines, cuts, cuts, (content, first, second) => {
        const message = Buffer.from(content.map((line) => `${line}\r\n`).join(''), 'utf8');
        const wire = stuff(split(message, first));
        const result = decode(split(Buffer.concat([wire, Buffer.from('NOOP')]), second));
        expect(result.body).toBe(message.toString('latin1'));
        expect(result).toMatchObject({ ended: true, rest: 'NOOP', statistics: { bareLf: false, bareCr: false } });
      }),
      { numRuns: 500 },
    );
  });

  it('sends nothing but whole lines, and one end, for any octets and cuts', () => {
    fc.assert(
      fc.property(alphabet, cuts, (text, lengths) => {
        const bytes = Buffer.from(text, 'latin1');
        const wire = stuff([bytes]);
        expect(stuff(split(bytes, lengths))).toEqual(wire);
        expect(wire.toString('latin1').replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
        expect(`\r\n${wire.toString('latin1')}`.indexOf('\r\n.\r\n')).toBe(wire.length - 3);
      }),
      { numRuns: 1000 },
    );
  });
});
