import { type Client, storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MailboxCache } from './mailbox-cache.ts';

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };

describe('the mailboxes of a process', () => {
  let modseq: number;
  let failure: StoaError | undefined;
  let reads: number;
  let cache: MailboxCache;
  let changes: number;

  const state = () => storage.MailboxState.fromPartial({ mailboxId: 1, uidNext: 1, highestModseq: modseq });
  const mail = {
    async *openMailbox() {
      yield { part: { $case: 'state' as const, value: state() } };
    },
    async *syncMailbox() {
      reads += 1;
      if (failure !== undefined) throw failure;
      yield { delta: storage.MailboxDelta.fromPartial({ state: state() }) };
    },
  } as unknown as Client<typeof storage.MailServiceDefinition>;

  beforeEach(async () => {
    modseq = 1;
    failure = undefined;
    reads = 0;
    changes = 0;
    cache = new MailboxCache(mail, 1024, logger);
    const feed = await cache.open('a', state());
    feed.listeners.add({ changed: () => void changes++, closed() {}, claimsRecent: false, takeRecent() {} });
  });

  it('are read when an event tells of a change that is not known yet', async () => {
    cache.changed('a', 1, 1);
    expect(reads).toBe(0);
    modseq = 2;
    cache.changed('a', 1, 2);
    await vi.waitFor(() => expect(changes).toBe(1));
  });

  it.each<[string, () => void]>([
    ['an event', () => cache.changed('a', 1, 2)],
    ['a gap', () => cache.syncAll()],
    ['a change of the list', () => cache.syncAccount('a')],
  ])('that could not be read after %s are read again, with no further event', async (_, tell) => {
    failure = new StoaError('unavailable', 'the router is away');
    modseq = 2;
    tell();
    await vi.waitFor(() => expect(reads).toBe(1));
    await vi.waitFor(() => {
      cache.syncStale();
      expect(reads).toBeGreaterThan(1);
    });
    expect(changes).toBe(0);
    failure = undefined;
    await vi.waitFor(() => {
      cache.syncStale();
      expect(changes).toBe(1);
    });
    const before = reads;
    cache.syncStale();
    expect(reads).toBe(before);
  });
});
