import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BdatDecoder } from './bdat-decoder.ts';
import { DataDecoder } from './data-decoder.ts';
import { cuts, soup, split } from './splits.test-support.ts';

const alphabet = soup(
  '\r\n',
  '.',
  '\r\n.\r\n',
  '\r',
  '\n',
  'Received: a\r\n',
  'From: b\r\n',
  'Date',
  ':',
  '\0',
  '\xe9',
);

/** Sends `message` in BDAT chunks of the sizes, each cut in turn; a command word follows each chunk. */
function transfer(message: Buffer, sizes: readonly number[], lengths: readonly number[]) {
  const decoder = new BdatDecoder();
  const bodies: Buffer[] = [];
  for (const part of [...split(message, sizes), Buffer.alloc(0)]) {
    decoder.begin(part.length, part.length === 0);
    for (const chunk of split(Buffer.concat([part, Buffer.from('BDAT')]), lengths))
      bodies.push(...decoder.write(chunk));
    expect(decoder.chunkEnded).toBe(true);
    expect(decoder.takeRemaining().toString()).toBe('BDAT');
  }
  expect(decoder.ended).toBe(true);
  return { body: Buffer.concat(bodies), statistics: snapshot(decoder) };
}

function snapshot({ statistics }: BdatDecoder | DataDecoder) {
  const { size, bareLf, bareCr, nul, eightBit, longestLine, headerSize, endsWithCrlf, header } = statistics;
  const { received, hasDate, hasMessageId, hasFrom } = header;
  return {
    size,
    bareLf,
    bareCr,
    nul,
    eightBit,
    longestLine,
    headerSize,
    endsWithCrlf,
    received,
    hasDate,
    hasMessageId,
    hasFrom,
  };
}

describe('BdatDecoder', () => {
  it('gives the octets as they are and keeps what follows', () => {
    const decoder = new BdatDecoder();
    decoder.begin(7, false);
    expect(Buffer.concat(decoder.write(Buffer.from('a\r\n.\r\nBDAT 2 LAST\r\n'))).toString()).toBe('a\r\n.\r\nB');
    expect(decoder.chunkEnded).toBe(true);
    expect(decoder.ended).toBe(false);
    expect(decoder.takeRemaining().toString()).toBe('DAT 2 LAST\r\n');
    decoder.begin(0, true);
    expect(decoder.ended).toBe(true);
    expect(decoder.statistics).toMatchObject({ size: 7, endsWithCrlf: false, bareLf: false });
    expect(() => decoder.begin(1, true)).toThrow('out of turn');
  });

  it('sees a CRLF across chunks, and a bare CR at the end', () => {
    expect(transfer(Buffer.from('a\r\n'), [2], [9]).statistics).toMatchObject({ bareCr: false, endsWithCrlf: true });
    expect(transfer(Buffer.from('a\r'), [2], [9]).statistics).toMatchObject({ bareCr: true, endsWithCrlf: false });
  });

  it('sees the same however message and octets are cut', () => {
    fc.assert(
      fc.property(alphabet, cuts, cuts, (text, sizes, lengths) => {
        const message = Buffer.from(text, 'latin1');
        const result = transfer(message, sizes, lengths);
        expect(result.body).toEqual(message);
        expect(result.statistics).toEqual(transfer(message, [1_000_000], [1_000_000]).statistics);
      }),
      { numRuns: 500 },
    );
  });

  it('has the statistics that DATA has', () => {
    fc.assert(
      fc.property(alphabet, (text) => {
        const message = Buffer.from(`${text.replaceAll('.', '')}\r\n`, 'latin1');
        const data = new DataDecoder();
        data.write(Buffer.concat([message, Buffer.from('.\r\n')]));
        expect(snapshot(data)).toEqual(transfer(message, [7], [3]).statistics);
      }),
    );
  });
});
