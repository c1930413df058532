import { describe, expect, it, vi } from 'vitest';
import { FakeStore } from '../test/support/fake-store.ts';

describe('a selected mailbox', () => {
  it('does not count as vanished what the client is still shown', async () => {
    const raw = Buffer.from('Subject: x\r\n\r\n');
    const { selected } = new FakeStore([2, 3, 6].map((uid) => ({ uid, raw }))).session({ qresync: true });
    vi.spyOn(selected.feed, 'vanishedSince').mockResolvedValueOnce([1, 5]).mockResolvedValueOnce([4, 5]);
    expect(await selected.vanishedSince(1, [1, 9])).toEqual([1, 1, 4, 5]);
    expect(await selected.vanishedSince(1, [1, 9])).toEqual([4, 5]);
  });
});
