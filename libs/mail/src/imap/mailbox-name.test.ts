import { describe, expect, it } from 'vitest';
import {
  canonicalMailboxName,
  decodeMailboxName,
  encodeMailboxName,
  mailboxNameFault,
  nameToCreate,
  parentNames,
} from './mailbox-name.ts';

describe('mailbox names', () => {
  it.each([
    ['inbox', 'INBOX'],
    ['InBox/a', 'INBOX/a'],
    ['INBOXES', 'INBOXES'],
    ['inbo', 'inbo'],
    ['inboxes', 'inboxes'],
    ['a/inbox', 'a/inbox'],
    ['', ''],
  ])('%j is canonically %j', (name, canonical) => {
    expect(canonicalMailboxName(name)).toBe(canonical);
  });

  it('are read and shown in the encoding of the session', () => {
    expect(encodeMailboxName('Entwürfe', false).toString()).toBe('Entw&APw-rfe');
    expect(encodeMailboxName('Entwürfe', true).toString()).toBe('Entwürfe');
    expect(decodeMailboxName(Buffer.from('Entw&APw-rfe'), false)).toBe('Entwürfe');
    expect(decodeMailboxName(Buffer.from('Q&A'), true)).toBe('Q&A');
    expect(decodeMailboxName(Buffer.from('Q&A'), false)).toBeUndefined();
    expect(decodeMailboxName(Buffer.of(0xff), true)).toBeUndefined();
  });

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    'a\nb',
    'a\u2028',
    'a%',
    '*',
    'x'.repeat(1001),
    '\ud800',
    Array(65).fill('a').join('/'),
  ])('cannot be %j', (name) => {
    expect(mailboxNameFault(name)).toMatch(/^The name /);
  });

  it('can be any other text', () => {
    for (const name of ['a', 'a b/c', '日本語', '😀', '..', "it's", '~', 'é'.repeat(500)])
      expect(mailboxNameFault(name)).toBeUndefined();
  });

  it('have parents', () => {
    expect(parentNames('a/b/c')).toEqual(['a/b', 'a']);
    expect(parentNames('a')).toEqual([]);
    expect(parentNames('/a')).toEqual([]);
    expect(nameToCreate('a/b/')).toBe('a/b');
    expect(nameToCreate('/')).toBe('/');
  });
});
