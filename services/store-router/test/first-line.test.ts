import { storage } from '@stoa/contracts';
import { eachNumber } from '@stoa/mail';
import { describe, expect, it } from 'vitest';
import { blobService } from '../src/body/blob-service.ts';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { append, call, deliverTo, newAccount, open, sha256, sync, testRouter } from './support/router.ts';

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe('a message through the mailbox model', () => {
  it('is delivered, opened, synced, fetched, read, flagged, copied and expunged', async () => {
    const blobs = new MemoryBlobStore(Date.now);
    const router = testRouter({ data: new MemoryDataStore(), blobs });
    const accountId = await newAccount(router);
    const empty = await open(router, accountId, 'inbox');
    expect(empty.snapshot.count).toBe(0);

    const result = await deliverTo(router, accountId, 'Subject: one\r\n\r\nhello\r\n');
    expect(result.uid).toBe(1);
    await append(router, accountId, 'INBOX', 'Subject: two\r\n\r\n', { flags: 1, keywords: ['$Label1'] });

    const synced = await sync(router, accountId, empty);
    expect(synced.snapshot.allUids()).toEqual([1, 2]);
    expect(synced.state).toMatchObject({ messages: 2, unseen: 1, uidNext: 3, keywords: ['$Label1'] });
    expect((await open(router, accountId, 'INBOX')).snapshot.allUids()).toEqual([1, 2]);

    const { mailboxId } = synced.state;
    const fetched = await all(router.mail.fetchMessages({ accountId, mailboxId, uids: { bounds: [1, 2] } }, call()));
    const records = fetched.flatMap(({ messages }) => messages ?? []);
    expect(records.map(({ uid }) => uid)).toEqual([1, 2]);
    expect(Buffer.from(records[0]!.blobId as Uint8Array)).toEqual(sha256('Subject: one\r\n\r\nhello\r\n'));

    const ranges = [{ blobId: records[0]!.blobId as Uint8Array, start: 9, end: 12 }];
    const read = await all(blobService(blobs).read({ ranges, together: false }, call()));
    expect(Buffer.concat(read.map(({ data }) => data as Uint8Array)).toString()).toBe('one');

    const stored = await router.mail.storeFlags(
      {
        accountId,
        mailboxId,
        uids: { bounds: [1, 1] },
        mode: storage.StoreFlagsRequest_Mode.MODE_ADD,
        flags: 8,
        keywords: [],
        knownModseq: synced.state.highestModseq,
      },
      call(),
    );
    expect(stored.delta?.chunks).toHaveLength(1);
    const copied = await router.mail.copyMessages(
      { accountId, mailboxId, uids: { bounds: [1, 2] }, toMailbox: 'Archive', move: false, knownModseq: 0 },
      call(),
    );
    expect([...eachNumber(copied.toUids?.bounds as number[])]).toEqual([1, 2]);
    const expunged = await router.mail.expungeMessages(
      { accountId, mailboxId, knownModseq: synced.state.highestModseq },
      call(),
    );
    expect(expunged.delta?.vanished?.bounds).toEqual([1, 1]);
    expect((await sync(router, accountId, synced)).snapshot.allUids()).toEqual([2, 2]);
    expect((await open(router, accountId, 'Archive')).state.keywords).toEqual(['$Label1']);
    expect(await router.mail.getQuota({ accountId }, call())).toMatchObject({ messages: 3 });
  });
});
