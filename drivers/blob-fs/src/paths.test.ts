import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathOf, treeEntries } from './paths.ts';

const level = fc.stringMatching(/^[0-9a-zA-Z_.-]{1,8}$/).filter((text) => text !== '.' && text !== '..');
const key = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));

describe('pathOf', () => {
  it.each([
    ['a', 'a='],
    ['ab', 'ab~/='],
    ['9f86d081', '9f~/86d081='],
    ['a/b/9f86', 'a+/b+/9f~/86='],
    ['ab/c', 'ab~/+/c='],
  ])('%s becomes %s', (blob, path) => {
    expect(pathOf(blob)).toBe(path);
  });

  it('keeps every name short', () => {
    for (const length of [199, 200, 201, 202, 203, 401, 402, 403, 512]) {
      for (const name of pathOf('x'.repeat(length)).split('/')) expect(name.length).toBeLessThan(255);
    }
  });

  it.each([
    '',
    '.',
    '..',
    'a/..',
    '../a',
    'a/./b',
    'a//b',
    '/a',
    'a/',
    'a b',
    'a~',
    'a+',
    'a=',
    'ä',
    'a\0',
    'a\n',
    'x'.repeat(513),
  ])('refuses %j', (bad) => {
    expect(() => pathOf(bad)).toThrow('not the key');
  });

  it('gives each key a path of its own, none below that of another', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(pathOf(a) === pathOf(b)).toBe(a === b);
        expect(pathOf(a).startsWith(`${pathOf(b)}/`)).toBe(false);
      }),
    );
  });
});

/** Walks the tree that the paths make up. */
function walk(paths: readonly string[], parent = ''): string[] {
  const below = new Map<string, string[]>();
  for (const path of paths) {
    const slash = path.indexOf('/');
    const name = slash < 0 ? path : path.slice(0, slash);
    const rest = below.get(name) ?? [];
    below.set(name, slash < 0 ? rest : [...rest, path.slice(slash + 1)]);
  }
  return treeEntries([...below.keys()], parent).flatMap((entry) =>
    entry.isBlob ? [entry.key] : walk(below.get(entry.name)!, entry.key),
  );
}

describe('treeEntries', () => {
  it('leads through the tree in the order of the keys, and back to the keys', () => {
    fc.assert(
      fc.property(fc.uniqueArray(key, { maxLength: 40 }), (keys) => {
        expect(walk(keys.map(pathOf))).toEqual([...keys].sort());
      }),
      { numRuns: 300 },
    );
  });

  it('passes over what is none of its files', () => {
    expect(treeEntries(['lost+found', '.DS_Store', 'x', ''], '')).toEqual([]);
  });
});
