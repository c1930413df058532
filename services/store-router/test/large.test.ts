import { storage } from '@stoa/contracts';
import { countNumbers } from '@stoa/mail';
import type { DataCommit } from '@stoa/plugin-sdk';
import { MAX_COMMIT_BYTES, MAX_COMMIT_MUTATIONS, StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { insertMessages } from '../src/account/messages.ts';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { call, newAccount, open, sync, testRouter } from './support/router.ts';
import { WrappedStore } from './support/wrapped-store.ts';

/** Refuses commits beyond what every driver must take. */
class StrictStore extends WrappedStore {
  failAt = Number.POSITIVE_INFINITY;

  override async commit(commit: DataCommit): Promise<void> {
    let bytes = 0;
    for (const mutation of commit.mutations) {
      if (mutation.type === 'put') bytes += mutation.key.length + mutation.value.length;
    }
    expect(commit.mutations.length).toBeLessThanOrEqual(MAX_COMMIT_MUTATIONS);
    expect(bytes).toBeLessThanOrEqual(MAX_COMMIT_BYTES);
    if (this.commits === this.failAt) {
      this.commits++;
      throw new StoaError('storage-full', 'full', { retryable: false });
    }
    await super.commit(commit);
  }
}

const COUNT = 10_000;

async function setUp() {
  const store = new StrictStore(new MemoryDataStore());
  const router = testRouter({ data: store, blobs: new MemoryBlobStore(Date.now) });
  const accountId = await newAccount(router);
  const { mailboxId } = (await open(router, accountId, 'INBOX')).state;
  for (let done = 0; done < COUNT; done += 2000) {
    const message = (n: number) => ({
      blobId: Buffer.alloc(32, n % 251),
      size: 10,
      internalDate: 1_700_000_000_000,
      structure: Buffer.alloc(3000),
      words: { low: 0, high: 0 },
    });
    await router.accounts.write(accountId, (transaction) =>
      insertMessages(
        transaction,
        mailboxId,
        Array.from({ length: 2000 }, (_, i) => message(done + i)),
      ),
    );
  }
  return { store, router, accountId, mailboxId };
}

describe('ten thousand messages', () => {
  it('are flagged, copied, moved and expunged in commits that every driver takes', async () => {
    const { router, accountId, mailboxId } = await setUp();
    let inbox = await open(router, accountId, 'INBOX');
    const uids = { bounds: [1, COUNT] };
    const knownModseq = inbox.state.highestModseq;
    const stored = await router.mail.storeFlags(
      { accountId, mailboxId, uids, mode: 1, flags: 1, keywords: ['k'], knownModseq },
      call(),
    );
    expect(stored.delta?.chunks).toHaveLength(40);
    const copied = await router.mail.copyMessages(
      { accountId, mailboxId, uids, toMailbox: 'Archive', move: false, knownModseq: 0 },
      call(),
    );
    expect(copied.fromUids?.bounds).toEqual([1, COUNT]);
    expect(copied.toUids?.bounds).toEqual([1, COUNT]);
    const moved = await router.mail.copyMessages(
      { accountId, mailboxId, uids, toMailbox: 'Trash', move: true, knownModseq },
      call(),
    );
    expect(countNumbers(moved.toUids!.bounds as number[])).toBe(COUNT);
    inbox = await sync(router, accountId, inbox);
    expect(inbox.snapshot.count).toBe(0);
    const trash = await open(router, accountId, 'Trash');
    expect(trash.state).toMatchObject({ messages: COUNT, unseen: 0, keywords: ['k'], size: COUNT * 10 });
    const trashId = trash.state.mailboxId;
    await router.mail.storeFlags(
      { accountId, mailboxId: trashId, uids, mode: 1, flags: 8, keywords: [], knownModseq: 0 },
      call(),
    );
    await router.mail.expungeMessages({ accountId, mailboxId: trashId, knownModseq: 0 }, call());
    expect((await open(router, accountId, 'Trash')).snapshot.count).toBe(0);
    expect(await router.accounts.usage(accountId)).toMatchObject({ messages: COUNT, usedBytes: COUNT * 10 });
  });

  it('leave nothing behind when copying them fails in the middle', async () => {
    const { store, router, accountId, mailboxId } = await setUp();
    store.failAt = store.commits + 2;
    const copy = router.mail.copyMessages(
      { accountId, mailboxId, uids: { bounds: [1, COUNT] }, toMailbox: 'Archive', move: false, knownModseq: 0 },
      call(),
    );
    await expect(copy).rejects.toMatchObject({ code: 'storage-full' });
    expect((await open(router, accountId, 'Archive')).snapshot.count).toBe(0);
    expect(await router.accounts.usage(accountId)).toMatchObject({ messages: COUNT });
  });

  it('are told in a stream when too many changed for the list of recent changes', async () => {
    const { router, accountId, mailboxId } = await setUp();
    await router.mail.copyMessages(
      { accountId, mailboxId, uids: { bounds: [1, COUNT] }, toMailbox: 'INBOX', move: false, knownModseq: 0 },
      call(),
    );
    const before = await open(router, accountId, 'INBOX');
    const uids = { bounds: [1, COUNT * 2] };
    const { delta } = await router.mail.storeFlags(
      { accountId, mailboxId, uids, mode: 1, flags: 4, keywords: [], knownModseq: before.state.highestModseq },
      call(),
    );
    expect(delta).toMatchObject({ partial: true, reopen: false, chunks: [] });
    const after = await sync(router, accountId, before);
    expect(after.snapshot.chunks.every((chunk) => chunk.flags.every((flags) => flags === 4))).toBe(true);
    expect(after.snapshot.count).toBe(COUNT * 2);
  });

  it('are fetched with one scan, and those here and there with few reads', async () => {
    const { store, router, accountId, mailboxId } = await setUp();
    const fetch = async (bounds: number[]) => {
      store.gets = store.scans = 0;
      const uids: number[] = [];
      let responses = 0;
      for await (const { messages } of router.mail.fetchMessages({ accountId, mailboxId, uids: { bounds } }, call())) {
        responses += 1;
        for (const { uid } of messages ?? []) uids.push(uid as number);
      }
      return { uids, responses, gets: store.gets, scans: store.scans };
    };
    const all = await fetch([1, COUNT]);
    expect(all.uids).toEqual(Array.from({ length: COUNT }, (_, i) => i + 1));
    // Records of three thousand octets, a quarter of a mebioctet to a message of the stream.
    expect(all).toMatchObject({ responses: 115, gets: 0, scans: 1 });
    const odd = Array.from({ length: 600 }, (_, i) => 2 * i + 1);
    const some = await fetch(odd.flatMap((uid) => [uid, uid]));
    expect(some).toMatchObject({ uids: odd, gets: 3, scans: 0 });
  });

  it('are flagged with one commit, and told without being read again', async () => {
    const { store, router, accountId, mailboxId } = await setUp();
    const { highestModseq } = (await open(router, accountId, 'INBOX')).state;
    const change = (mode: storage.StoreFlagsRequest_Mode, knownModseq: number) =>
      router.mail.storeFlags(
        { accountId, mailboxId, uids: { bounds: [1, COUNT] }, mode, flags: 2, keywords: [], knownModseq },
        call(),
      );
    const { delta: first } = await change(storage.StoreFlagsRequest_Mode.MODE_ADD, highestModseq);
    store.gets = store.scans = store.commits = 0;
    const { delta } = await change(storage.StoreFlagsRequest_Mode.MODE_REMOVE, first?.state?.highestModseq ?? 0);
    expect(delta).toMatchObject({ partial: false, reopen: false });
    expect(delta?.chunks).toHaveLength(Math.ceil(COUNT / 256));
    // The commit itself proves right what is held of the account, so that its answer reads nothing.
    expect([store.gets, store.scans, store.commits]).toEqual([0, 0, 1]);
  });

  it('are all there for a change that finds some of their chunks in memory and reads others', async () => {
    const { router, accountId, mailboxId } = await setUp();
    const all = { bounds: [1, 3 * COUNT] };
    const copy = (uids: { bounds: number[] }) =>
      router.mail.copyMessages({ accountId, mailboxId, uids, toMailbox: 'INBOX', move: false, knownModseq: 0 }, call());
    await copy({ bounds: [1, COUNT] });
    await copy({ bounds: [1, COUNT] });
    // The router keeps some 128 chunks; these are 118, of which it has the newest half or more.
    const copied = await router.mail.copyMessages(
      { accountId, mailboxId, uids: all, toMailbox: 'Archive', move: false, knownModseq: 0 },
      call(),
    );
    expect(copied.fromUids?.bounds).toEqual(all.bounds);
    await router.mail.storeFlags(
      { accountId, mailboxId, uids: all, mode: 1, flags: 1, keywords: [], knownModseq: 0 },
      call(),
    );
    expect((await open(router, accountId, 'INBOX')).state).toMatchObject({ messages: 3 * COUNT, unseen: 0 });
  });
});
