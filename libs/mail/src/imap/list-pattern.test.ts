import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ListPattern } from './list-pattern.ts';

/** The definition, written down as it stands; exponential. */
function matchesByDefinition(pattern: string, name: string): boolean {
  if (pattern === '') return name === '';
  const [wanted, rest] = [pattern[0]!, pattern.slice(1)];
  if (wanted === '*' || wanted === '%') {
    if (matchesByDefinition(rest, name)) return true;
    return name !== '' && (wanted === '*' || name[0] !== '/') && matchesByDefinition(pattern, name.slice(1));
  }
  return name[0] === wanted && matchesByDefinition(rest, name.slice(1));
}

describe('ListPattern', () => {
  it.each([
    ['%', 'a', true],
    ['%', 'a/b', false],
    ['*', 'a/b', true],
    ['a/%', 'a/b', true],
    ['a/%', 'a/b/c', false],
    ['a/%', 'a', false],
    ['%/%', 'a/b', true],
    ['%*', 'a/b', true],
    ['a*c', 'abc/c', true],
    ['', '', true],
    ['', 'a', false],
    ['inbox', 'INBOX', true],
    ['iNb%', 'INBOX', true],
    ['inbox/a', 'INBOX/a', true],
    ['inbox/A', 'INBOX/a', false],
    ['%BOX', 'INBOX', true],
    ['abc', 'ABC', false],
    ['inboxes', 'INBOXES', false],
  ])('%j on %j: %s', (pattern, name, result) => {
    expect(new ListPattern(pattern).matches(name)).toBe(result);
  });

  it('puts the reference before the pattern', () => {
    expect(new ListPattern('%', 'a/').matches('a/b')).toBe(true);
    expect(new ListPattern('%', 'a/').matches('b')).toBe(false);
  });

  it('agrees with the definition', () => {
    const small = (chars: string) => fc.string({ unit: fc.constantFrom(...chars), maxLength: 9 });
    fc.assert(
      fc.property(small('ab/*%'), fc.array(small('ab/'), { minLength: 1, maxLength: 5 }), (pattern, names) => {
        const compiled = new ListPattern(pattern);
        for (const name of names) expect(compiled.matches(name)).toBe(matchesByDefinition(pattern, name));
      }),
      { numRuns: 5000 },
    );
  });

  it('ends soon on hostile patterns', () => {
    const name = `${'a'.repeat(990)}/b`;
    for (const piece of ['*a', '%a', '*a%a', '%*', 'a*']) {
      for (const end of ['c', '/c', '']) new ListPattern(piece.repeat(490 / piece.length) + end).matches(name);
    }
    expect(new ListPattern('*%'.repeat(60_000)).matches(name)).toBe(true);
    expect(new ListPattern('*a'.repeat(60_000)).matches(name)).toBe(false);
  });
});
