import { describe, expect, it } from 'vitest';
import { inspectHeader, submissionFields } from './submission.ts';

const CONTEXT = { epochMs: 0, random: new Uint8Array(12), host: 'example.test' };

describe('submission', () => {
  it('sees what a header has', () => {
    const facts = inspectHeader(Buffer.from('FROM: a@b\r\nDate : x\r\nReceived: y\r\n z\r\n\r\nMessage-ID: <no>\r\n'));
    expect(facts).toEqual({ received: 1, hasDate: true, hasMessageId: false, hasFrom: true });
  });

  it('adds Date and Message-ID where they are missing, and nothing else', () => {
    expect(submissionFields({ hasDate: false, hasMessageId: false }, CONTEXT)).toBe(
      'Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nMessage-ID: <0.AAAAAAAAAAAAAAAA@example.test>\r\n',
    );
    expect(submissionFields({ hasDate: true, hasMessageId: true }, CONTEXT)).toBe('');
  });

  it('makes no identifier from too little randomness', () => {
    const context = { ...CONTEXT, random: new Uint8Array(4) };
    expect(() => submissionFields({ hasDate: true, hasMessageId: false }, context)).toThrow(RangeError);
  });
});
