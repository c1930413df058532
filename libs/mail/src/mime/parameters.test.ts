import { describe, expect, it } from 'vitest';
import { parseContentType, parseDisposition } from './parameters.ts';

describe('parameters', () => {
  it.each([
    [
      'text/plain; charset=utf-8; format="flowed"',
      [
        ['charset', 'utf-8'],
        ['format', 'flowed'],
      ],
    ],
    [
      'a/b; name=has spaces; x=y',
      [
        ['name', 'has'],
        ['x', 'y'],
      ],
    ],
    ['a/b; name=f/o=o.txt', [['name', 'f/o=o.txt']]],
    ['a/b; name="a\\"b\\\\"', [['name', 'a"b\\']]],
    ['a/b;;; (c;d) NAME (e) = (f) x', [['name', 'x']]],
    ['a/b; name="open', [['name', 'open']]],
    ['a/b; n*1=b; n*0=a', [['n', 'ab']]],
    ['a/b; n*0*=utf-8\'\'%41; n*1="b c"', [['n*', "utf-8''%41b%20c"]]],
    ["a/b; n*=utf-8''x", [['n*', "utf-8''x"]]],
    [
      'a/b; n*1=b; m=c',
      [
        ['n*1', 'b'],
        ['m', 'c'],
      ],
    ],
    ['a/b; n*999=b', [['n*999', 'b']]],
  ])('%s', (value, expected) => {
    expect(parseContentType(value)!.params).toEqual(expected);
  });

  it('are bounded and read in linear time', () => {
    for (const piece of ['a=b;', ';', '(', '"', 'a="', 'a*0=b;', '\\', 'a=(']) {
      expect(parseContentType(`a/b;${piece.repeat(200_000)}`)!.params.length).toBeLessThanOrEqual(256);
    }
  });

  it('come with a disposition', () => {
    expect(parseDisposition('Attachment; filename="x y"')).toEqual({
      type: 'attachment',
      params: [['filename', 'x y']],
    });
    expect(parseDisposition('; filename=x')).toBeUndefined();
  });
});
