import { expect, it } from 'vitest';
import { parseMessageIds } from './message-id.ts';

it.each([
  ['<a@b>', ['<a@b>']],
  ['<a@b>\r\n <c@\r\n d> junk (x)', ['<a@b>', '<c@d>']],
  ['<open <a@b> <', ['<a@b>']],
  ['none', []],
  ['<>', []],
])('the identifiers of %s', (value, expected) => {
  expect(parseMessageIds(value)).toEqual(expected);
});

it('are read in linear time', () => {
  parseMessageIds('<'.repeat(300_000));
  parseMessageIds('<a>'.repeat(100_000));
  parseMessageIds('>'.repeat(300_000));
});
