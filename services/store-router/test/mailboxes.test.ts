import { describe, expect, it } from 'vitest';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { append, call, newAccount, open, sync, testRouter } from './support/router.ts';

async function setUp() {
  const router = testRouter({ data: new MemoryDataStore(), blobs: new MemoryBlobStore(Date.now) });
  const accountId = await newAccount(router);
  const names = async () => {
    const { mailboxes } = await router.mail.listMailboxes({ accountId }, call());
    return mailboxes!.map(({ name }) => name as string).sort();
  };
  const create = (name: string, specialUse: string[] = []) =>
    router.mail.createMailbox({ accountId, name, specialUse }, call());
  const rename = (from: string, to: string) => router.mail.renameMailbox({ accountId, from, to }, call());
  const remove = (name: string) => router.mail.deleteMailbox({ accountId, name }, call());
  return { router, accountId, names, create, rename, remove };
}

const DEFAULTS = ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash'];

describe('mailboxes', () => {
  it('of a new account are INBOX and the special-use ones, subscribed', async () => {
    const { router, accountId } = await setUp();
    const { mailboxes, subscriptions } = await router.mail.listMailboxes({ accountId }, call());
    expect(mailboxes!.map(({ name }) => name).sort()).toEqual(DEFAULTS);
    expect([...subscriptions!].sort()).toEqual(DEFAULTS);
    expect(mailboxes!.find(({ name }) => name === 'Sent')?.specialUse).toEqual(['\\Sent']);
    const validities = mailboxes!.map(({ uidValidity }) => uidValidity);
    expect(new Set(validities).size).toBe(6);
    expect(new Set(mailboxes!.map(({ objectId }) => objectId)).size).toBe(6);
  });

  it('are created with the missing ones above them', async () => {
    const { create, names } = await setUp();
    await create('a/b/c/');
    expect(await names()).toEqual([...DEFAULTS, 'a', 'a/b', 'a/b/c']);
    await expect(create('a/b')).rejects.toMatchObject({ code: 'already-exists' });
    await expect(create('inbox')).rejects.toMatchObject({ code: 'already-exists' });
    await create('inbox/sub');
    expect(await names()).toContain('INBOX/sub');
    await expect(create('Other', ['\\Sent'])).rejects.toMatchObject({ code: 'failed-precondition' });
    await create('Everything', ['\\all']);
  });

  it.each(['', '/', 'a//b', '/a', 'a\u0000', 'x'.repeat(256), Array(21).fill('a').join('/'), '\ud800'])(
    'refuse the name %j',
    async (name) => {
      const { create } = await setUp();
      await expect(create(name)).rejects.toMatchObject({ code: 'invalid-argument' });
    },
  );

  it('are found whatever Unicode form the name is given in', async () => {
    const { create, router, accountId } = await setUp();
    await create('Entwu\u0308rfe');
    expect((await open(router, accountId, 'Entw\u00fcrfe')).state.name).toBe('Entw\u00fcrfe');
  });

  it('take their children along when they are renamed', async () => {
    const { create, rename, names, router, accountId } = await setUp();
    await create('a/b/c');
    await append(router, accountId, 'a/b', 'x');
    const before = (await open(router, accountId, 'a/b')).state;
    await rename('a', 'new/z');
    expect(await names()).toEqual([...DEFAULTS, 'new', 'new/z', 'new/z/b', 'new/z/b/c']);
    expect((await open(router, accountId, 'new/z/b')).state).toEqual({ ...before, name: 'new/z/b' });
    await expect(rename('new', 'new/z/q')).rejects.toMatchObject({ code: 'failed-precondition' });
    await expect(rename('new/z', 'Sent')).rejects.toMatchObject({ code: 'already-exists' });
    await expect(rename('nothing', 'x')).rejects.toMatchObject({ code: 'not-found' });
    expect(await names()).not.toContain('x');
  });

  it('give their messages to a new mailbox when INBOX is renamed', async () => {
    const { create, rename, names, router, accountId } = await setUp();
    await create('INBOX/sub');
    await append(router, accountId, 'INBOX', 'one', { flags: 1, keywords: ['x'] });
    const inbox = await open(router, accountId, 'INBOX');
    await rename('inbox', 'Old');
    expect(await names()).toEqual(['Archive', 'Drafts', 'INBOX', 'INBOX/sub', 'Junk', 'Old', 'Sent', 'Trash']);
    expect((await open(router, accountId, 'Old')).state).toMatchObject({ messages: 1, keywords: ['x'], unseen: 0 });
    const after = await sync(router, accountId, inbox);
    expect(after.snapshot.count).toBe(0);
    expect(after.state).toMatchObject({ messages: 0, uidNext: 2, uidValidity: inbox.state.uidValidity });
  });

  it('leave children and free name and quota when they are deleted', async () => {
    const { create, remove, names, router, accountId } = await setUp();
    await create('a/b');
    await append(router, accountId, 'a', 'body');
    const first = (await open(router, accountId, 'a')).state;
    await remove('a');
    expect(await names()).toEqual([...DEFAULTS, 'a/b']);
    expect(await router.accounts.usage(accountId)).toMatchObject({ usedBytes: 0, messages: 0 });
    await expect(open(router, accountId, first.mailboxId)).rejects.toMatchObject({ code: 'not-found' });
    await expect(sync(router, accountId, { state: first } as never)).rejects.toMatchObject({ code: 'not-found' });
    const again = (await create('a')).state!;
    expect(again.uidValidity).toBeGreaterThan(first.uidValidity);
    expect(again.mailboxId).not.toBe(first.mailboxId);
    expect((await open(router, accountId, 'a')).snapshot.count).toBe(0);
    await expect(remove('INBOX')).rejects.toMatchObject({ code: 'failed-precondition' });
    await expect(remove('none')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('may be subscribed before they exist, and stay subscribed after they are gone', async () => {
    const { router, accountId, remove } = await setUp();
    const subscribe = (name: string, subscribed: boolean) =>
      router.mail.setSubscription({ accountId, name, subscribed }, call());
    await subscribe('not/there', true);
    await subscribe('Sent', false);
    await subscribe('Sent', false);
    await remove('Junk');
    const { subscriptions } = await router.mail.listMailboxes({ accountId }, call());
    expect([...subscriptions!].sort()).toEqual(['Archive', 'Drafts', 'INBOX', 'Junk', 'Trash', 'not/there']);
  });

  it('tell every change', async () => {
    const { router, accountId, create, remove, rename } = await setUp();
    await create('a');
    await rename('a', 'b');
    await append(router, accountId, 'b', 'x');
    const { state } = await open(router, accountId, 'b');
    await remove('b');
    expect(router.events.map((event) => event.$case)).toEqual([
      'mailboxListChanged',
      'mailboxListChanged',
      'mailboxChanged',
      'mailboxListChanged',
      'mailboxChanged',
    ]);
    expect(router.events[2]).toMatchObject({ value: { mailboxId: state.mailboxId, modseq: state.highestModseq } });
  });

  it('show a message as \\Recent to one session, and store the claim with the next change', async () => {
    const { router, accountId } = await setUp();
    await append(router, accountId, 'INBOX', 'x');
    expect((await open(router, accountId, 'INBOX', true)).state.recentFrom).toBe(1);
    expect((await open(router, accountId, 'INBOX', true)).state.recentFrom).toBe(2);
    const other = testRouter({ data: router.accounts.store, blobs: new MemoryBlobStore(Date.now) });
    expect((await open(other, accountId, 'INBOX')).state.recentFrom).toBe(1);
    await append(router, accountId, 'INBOX', 'y');
    expect((await open(other, accountId, 'INBOX')).state.recentFrom).toBe(2);
  });

  it('of an unknown account do not exist', async () => {
    const { router } = await setUp();
    const accountId = '0123456789abcdef';
    await expect(router.mail.listMailboxes({ accountId }, call())).rejects.toMatchObject({ code: 'not-found' });
    await expect(append(router, accountId, 'INBOX', 'x')).rejects.toMatchObject({ code: 'not-found' });
    await expect(router.mail.getQuota({ accountId }, call())).rejects.toMatchObject({ code: 'not-found' });
    const bad = router.mail.listMailboxes({ accountId: 'nonsense' }, call());
    await expect(bad).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
