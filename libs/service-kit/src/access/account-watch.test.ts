import type { storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recordingLogger } from '../../test/recording-logger.ts';
import { AccountWatch } from './account-watch.ts';

describe('an account watch', () => {
  let sessions: { accountId: string; credentialVersion: number; ended: boolean; end(): void }[];
  let accounts: Map<string, Partial<storage.Account>>;
  let asked: { id: string; fresh: boolean }[];
  let failure: StoaError | undefined;
  let connected: boolean;
  let watch: AccountWatch;

  const open = (accountId: string, credentialVersion: number) => {
    const session = {
      accountId,
      credentialVersion,
      ended: false,
      end() {
        session.ended = true;
        sessions = sessions.filter((other) => other !== session);
      },
    };
    sessions.push(session);
    return session;
  };

  beforeEach(() => {
    vi.useFakeTimers();
    sessions = [];
    accounts = new Map();
    asked = [];
    failure = undefined;
    connected = true;
    watch = new AccountWatch({
      directory: {
        async getAccount({ by, fresh }) {
          const id = String(by?.value);
          asked.push({ id, fresh: fresh === true });
          if (failure !== undefined) throw failure;
          const account = accounts.get(id);
          if (account === undefined) throw new StoaError('not-found', 'there is no account');
          return { account: { disabled: false, credentialVersion: 1, ...account } as storage.Account };
        },
      },
      sessions: () => sessions,
      connected: () => connected,
      logger: recordingLogger(),
    });
    watch.start();
  });

  afterEach(() => {
    watch.stop();
    vi.useRealTimers();
  });

  it('ends sessions with older credentials when an event says so, and lets those of the new ones go on', () => {
    const [old, fresh, other] = [open('a', 1), open('a', 2), open('b', 1)];
    watch.ended('a', 2);
    expect([old.ended, fresh.ended, other.ended]).toEqual([true, false, false]);
    watch.ended('a', 0);
    expect(fresh.ended).toBe(true);
  });

  it('ends a session of unknown credentials with the others', () => {
    const session = open('a', 0);
    watch.ended('a', 2);
    expect(session.ended).toBe(true);
  });

  it('does not accept a login whose credentials changed on the way', () => {
    expect(watch.accepts('a', 1)).toBe(true);
    watch.ended('a', 2);
    expect(watch.accepts('a', 1)).toBe(false);
    expect(watch.accepts('a', 2)).toBe(true);
    expect(watch.accepts('b', 1)).toBe(true);
  });

  it('looks at the accounts themselves, past the caches, once for all sessions of one', async () => {
    for (const id of ['same', 'changed', 'disabled']) accounts.set(id, {});
    accounts.set('changed', { credentialVersion: 2 });
    accounts.set('disabled', { disabled: true });
    const all = ['same', 'same', 'changed', 'disabled', 'deleted'].map((id) => open(id, 1));
    const unknown = open('changed', 0);
    await watch.check();
    expect(all.map(({ ended }) => ended)).toEqual([false, false, true, true, true]);
    expect(unknown.ended).toBe(false);
    expect(asked).toHaveLength(4);
    expect(asked.every(({ fresh }) => fresh)).toBe(true);
  });

  it('tries again what it could not read, and ends nobody for it', async () => {
    const session = open('a', 1);
    failure = new StoaError('unavailable', 'the router is away');
    await watch.check();
    expect(session.ended).toBe(false);
    failure = undefined;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(session.ended).toBe(true);
  });

  it('looks now and then while no event would tell', async () => {
    accounts.set('a', {});
    open('a', 1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual([]);
    connected = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(2);
  });

  it('looks once more for those who asked while it looked', async () => {
    accounts.set('a', {});
    open('a', 1);
    await Promise.all([watch.check(), watch.check(), watch.check()]);
    expect(asked).toHaveLength(2);
  });
});
