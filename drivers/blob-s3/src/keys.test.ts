import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blobKey, nameAfter, objectName } from './keys.ts';

const level = fc
  .string({ unit: fc.constantFrom(...'09azAZ_.-'), minLength: 1, maxLength: 4 })
  .filter((text) => text !== '.' && text !== '..');
const key = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));

describe('the name of an object', () => {
  it('leads back to the key', () => {
    fc.assert(
      fc.property(key, (each) => {
        expect(blobKey('p/', objectName('p/', each))).toBe(each);
      }),
    );
  });

  it('sorts as the key does', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(Number(objectName('', a) > objectName('', b)))).toBe(Number(a > b));
        expect(objectName('', a) > nameAfter('', b)).toBe(a > b);
      }),
    );
  });

  it('is never a folder of another: servers that keep files have both', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(objectName('', b).startsWith(`${objectName('', a)}/`)).toBe(false);
      }),
    );
  });

  it.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    './x',
    '../x',
    'a/../../x',
    'a/..',
    'a b',
    'ä',
    'a\0',
    'a!',
    'x'.repeat(513),
  ])('%j is no key', (bad) => {
    expect(() => objectName('', bad)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });

  it.each(['p/stoa-blobs.json', 'p/stoa-probe/1', 'q/a!', 'p/!', 'p/../a!', 'p/a//b!'])('%s is no blob', (name) => {
    expect(blobKey('p/', name)).toBeUndefined();
  });
});
