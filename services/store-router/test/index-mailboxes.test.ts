import { storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { indexMailboxes } from '../src/mail/index-mailboxes.ts';
import { messageStructure, messageText } from '../src/mail/message-text.ts';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { MemorySearchStore } from './support/memory-search-store.ts';
import { append, call, newAccount, open, testRouter } from './support/router.ts';
import { WrappedStore } from './support/wrapped-store.ts';

const Field = storage.TextTerm_Field;

async function setUp() {
  const search = new MemorySearchStore();
  const blobs = new MemoryBlobStore(Date.now);
  const data = new WrappedStore(new MemoryDataStore());
  const router = testRouter({ data, blobs, search, newStructure: messageStructure });
  const accountId = await newAccount(router);
  const { mailboxId } = (await open(router, accountId, 'INBOX')).state;
  const context = { accounts: router.accounts, blobs, search, extractText: messageText, logger: router.context.logger };
  const index = async () => {
    let last = { mailboxes: 0, messages: 0 };
    for await (const progress of indexMailboxes(context, { accountIds: [] })) last = progress;
    return last;
  };
  const find = async (field: storage.TextTerm_Field, text: string) => {
    const { candidates, indexedToUid } = await router.mail.searchText(
      { accountId, mailboxId, terms: [{ field, text }] },
      call(),
    );
    return { bounds: candidates![0]!.uids!.bounds, indexedToUid };
  };
  return { router, data, blobs, accountId, mailboxId, search, index, find };
}

const mail = (subject: string, text: string) =>
  `From: "M. Mustermann" <max@example.test>\r\nTo: eve@example.test\r\nSubject: ${subject}\r\n` +
  `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${text}\r\n`;

describe('indexMailboxes', () => {
  it('makes decoded text and addresses to be found, and goes on where it ended', async () => {
    const { router, accountId, index, find } = await setUp();
    await append(router, accountId, 'INBOX', mail('=?utf-8?q?Gr=C3=BC=C3=9Fe?=', 'sch=C3=B6ne Tage'));
    await append(router, accountId, 'INBOX', mail('other', 'text'));
    expect(await find(Field.FIELD_BODY, 'tage')).toEqual({ bounds: [], indexedToUid: 0 });
    expect((await index()).messages).toBe(2);
    expect(await find(Field.FIELD_BODY, 'schöne tage')).toEqual({ bounds: [1, 1], indexedToUid: 2 });
    expect((await find(Field.FIELD_SUBJECT, 'grüße')).bounds).toEqual([1, 1]);
    expect((await find(Field.FIELD_FROM, 'max@example')).bounds).toEqual([1, 2]);
    expect((await find(Field.FIELD_FROM, 'mustermann')).bounds).toEqual([1, 2]);
    expect((await find(Field.FIELD_TEXT, 'grüße')).bounds).toEqual([1, 1]);
    expect((await find(Field.FIELD_CC, 'max')).bounds).toEqual([]);
    expect((await index()).messages).toBe(0);
    await append(router, accountId, 'INBOX', mail('third', 'Tage'));
    expect(await index()).toEqual({ mailboxes: 1, messages: 1 });
    expect((await find(Field.FIELD_BODY, 'tage')).bounds).toEqual([1, 1, 3, 3]);
  });

  it('makes one commit for an account with one mailbox that changed, and one more for each other', async () => {
    const { router, data, accountId, index } = await setUp();
    for (let i = 0; i < 3; i++) await append(router, accountId, 'INBOX', mail(`${i}`, 'text'));
    const before = data.commits;
    expect(await index()).toMatchObject({ messages: 3 });
    data.commits = before;
    await append(router, accountId, 'INBOX', mail('one', 'text'));
    expect(await index()).toEqual({ mailboxes: 1, messages: 1 });
    expect(data.commits - before).toBe(2);
    await append(router, accountId, 'Archive', mail('two', 'text'));
    await append(router, accountId, 'INBOX', mail('three', 'text'));
    expect(await index()).toEqual({ mailboxes: 2, messages: 2 });
    expect(data.commits - before).toBe(6);
  });

  it('takes out what was expunged, also when the change log was trimmed', async () => {
    const { router, accountId, mailboxId, search, index } = await setUp();
    for (let i = 0; i < 6; i++) await append(router, accountId, 'INBOX', mail(`${i}`, 'text'), { flags: 8 });
    await index();
    const expunge = (bounds: number[]) =>
      router.mail.expungeMessages({ accountId, mailboxId, uids: { bounds }, knownModseq: 0 }, call());
    const indexed = () => [...search.mailboxes.get(`${accountId}/${mailboxId}`)!.documents.keys()];
    await expunge([2, 3]);
    await index();
    expect(indexed()).toEqual([1, 4, 5, 6]);
    await expunge([5, 5]);
    await router.accounts.write(accountId, async (transaction) => {
      const status = await transaction.status(mailboxId);
      transaction.setStatusQuietly(mailboxId, { ...status, logFloor: status.highestModseq });
    });
    await index();
    expect(indexed()).toEqual([1, 4, 6]);
  });

  it('counts a body that is missing as empty, and stops at one that cannot be read now', async () => {
    const { router, blobs, accountId, index, find } = await setUp();
    await append(router, accountId, 'INBOX', mail('a', 'a'));
    blobs.blobs.clear();
    await append(router, accountId, 'INBOX', mail('b', 'b'));
    const { get } = blobs;
    blobs.get = () => {
      throw new StoaError('unavailable', 'down');
    };
    await expect(index()).rejects.toMatchObject({ code: 'unavailable' });
    blobs.get = get;
    await index();
    expect(await find(Field.FIELD_SUBJECT, 'b')).toEqual({ bounds: [2, 2], indexedToUid: 2 });
  });
});
