import { describe, expect, it } from 'vitest';
import { fnv1a, MAILBOX_STREAMS, mailboxStream } from './mailbox-stream.ts';

describe('the stream of an account', () => {
  it('is made with FNV-1a', () => {
    // From the test vectors of draft-eastlake-fnv.
    expect(['', 'a', 'foobar'].map(fnv1a)).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
    expect(mailboxStream('foobar')).toBe(1 + (0xbf9cf968 % 64));
  });

  it('is one of 64, of which none is left out', () => {
    const streams = new Set(Array.from({ length: 2_000 }, (_, i) => mailboxStream(`account-${i}`)));
    expect([...streams].sort((a, b) => a - b)).toEqual(Array.from({ length: MAILBOX_STREAMS }, (_, i) => i + 1));
  });
});
