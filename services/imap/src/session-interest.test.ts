import { mailboxStream } from '@stoa/contracts';
import type { MailboxInterest } from '@stoa/service-kit';
import { describe, expect, it } from 'vitest';
import { SessionInterest } from './session-interest.ts';

describe('the interest of sessions', () => {
  const said: number[][] = [];
  const follow = (interest: MailboxInterest) => void said.push(interest === 'all' ? [] : [...interest]);
  const [alice, bob] = ['alice', 'bob'].map(mailboxStream);

  it('is in the accounts that have one, and for a minute in those that had', () => {
    let now = 1_000;
    const interest = new SessionInterest({ follow }, () => now);
    interest.enter('alice');
    interest.enter('bob');
    interest.enter('alice');
    expect(said.splice(0)).toEqual([[alice], [alice, bob]]);
    interest.leave('alice');
    interest.leave('bob');
    now += 59_000;
    interest.tidy();
    expect(said).toEqual([]);
    now += 1_000;
    interest.tidy();
    expect(said.splice(0)).toEqual([[alice]]);
    interest.leave('alice');
    now += 30_000;
    interest.enter('alice');
    now += 60_000;
    interest.tidy();
    interest.leave('stranger');
    expect(said).toEqual([]);
  });
});
