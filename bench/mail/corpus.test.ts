import { describe, expect, it } from 'vitest';
import { BODY_EVERY, BODY_MARKER, internalDate, message, SUBJECT_EVERY, SUBJECT_MARKER, Template } from './corpus.ts';

const count = (text: string, word: string) => text.split(word).length - 1;

describe('the corpus', () => {
  it('is the same each time, of about the size that is wanted, and without lines that SMTP would read otherwise', () => {
    for (let n = 0; n < 60; n++) {
      const text = message(n, 2048).toString('latin1');
      expect(message(n, 2048).toString('latin1')).toBe(text);
      expect(Math.abs(text.length - 2048)).toBeLessThan(200);
      expect(text.endsWith('\r\n')).toBe(true);
      for (const line of text.split('\r\n')) {
        expect(line.length).toBeLessThan(200);
        expect(line.startsWith('.')).toBe(false);
      }
      expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    }
  });

  it('has the words that searches look for where they should be, and nowhere else', () => {
    for (const n of [0, 1, 399, BODY_EVERY, SUBJECT_EVERY, 501, 2 * SUBJECT_EVERY, 4 * BODY_EVERY]) {
      const text = message(n).toString('latin1');
      const subject = /^Subject: (.*)$/m.exec(text)?.[1] as string;
      expect(count(subject, SUBJECT_MARKER)).toBe(n % SUBJECT_EVERY === 0 ? 1 : 0);
      expect(count(text, SUBJECT_MARKER)).toBe(n % SUBJECT_EVERY === 0 ? 1 : 0);
      expect(count(text, BODY_MARKER)).toBe(n % BODY_EVERY === 0 ? 1 : 0);
      expect(subject.endsWith(` ${n}`)).toBe(true);
    }
  });

  it('writes dates as IMAP does', () => {
    expect(internalDate(new Date(Date.UTC(2023, 1, 3, 4, 5, 6)))).toBe('" 3-Feb-2023 04:05:06 +0000"');
  });

  it('makes other messages of a template without changing their size', () => {
    const template = new Template(4096);
    const first = template.next().toString('latin1');
    const second = template.next().toString('latin1');
    expect(second).not.toBe(first);
    expect(second).toHaveLength(first.length);
    expect(Math.abs(first.length - 4096)).toBeLessThan(200);
    const id = /^Message-ID: <\d{12}@example\.org>$/m;
    expect(first).toMatch(id);
    expect(second.replace(id, '')).toBe(first.replace(id, ''));
  });
});
