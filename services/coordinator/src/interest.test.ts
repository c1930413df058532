import { mailboxStream } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { settle } from '../test/support/fake-clock.ts';
import { domainChanged, listen, mailboxChanged } from '../test/support/test-node.ts';
import { twoNodes } from '../test/support/two-nodes.ts';
import { topicOf } from './streams.ts';

const ALICE = 'alice';
const BOB = 'bob';
const [S_ALICE, S_BOB] = [mailboxStream(ALICE), mailboxStream(BOB)];
const COMMON = 'stwt.agora';
const T_ALICE = topicOf(COMMON, S_ALICE);
const T_BOB = topicOf(COMMON, S_BOB);
const of = (...accounts: string[]) => new Set(accounts.map(mailboxStream));

/** Two nodes, and at the second a listener with an interest. */
async function interested(...accounts: string[]) {
  const world = await twoNodes();
  const follower = listen(world.b.hub, 'imap', [], of(...accounts));
  await world.live(1000);
  // The first gap says that the events come.
  return { ...world, follower, gaps: () => follower.gaps().slice(1) };
}

describe('the topics', () => {
  it('are the common one, and one for each part of the accounts', () => {
    expect([0, 1, 10, 64].map((stream) => topicOf('stwt.agora.x', stream))).toEqual([
      'stwt.agora.x',
      'stwt.agora.x.m00',
      'stwt.agora.x.m09',
      'stwt.agora.x.m63',
    ]);
  });
});

describe('interest', () => {
  it('brings the mailbox events of its accounts and no others, and all other events', async () => {
    const { bus, a, atB, follower, pump } = await interested(ALICE);
    expect(bus.topics('b')).toEqual([COMMON, T_ALICE]);
    expect(bus.topics('a')).toEqual([COMMON]);
    await a.hub.publish([mailboxChanged(ALICE), domainChanged('x'), mailboxChanged(BOB)]);
    await pump();
    expect(follower.accounts()).toEqual([ALICE]);
    expect(follower.domains()).toEqual(['x']);
    expect(atB.accounts()).toEqual([]);
    expect(atB.domains()).toEqual(['x']);
  });

  it('counts for events of the own node too', async () => {
    const { b, atB, follower } = await interested(ALICE);
    await b.hub.publish([mailboxChanged(ALICE), mailboxChanged(BOB), domainChanged('x')]);
    await settle();
    expect(follower.accounts()).toEqual([ALICE]);
    expect([atB.accounts(), atB.domains()]).toEqual([[], ['x']]);
  });

  it('is the union of what the subscribers need, and is given up with them', async () => {
    const { bus, b, follower, live } = await interested(ALICE);
    const other = listen(b.hub, 'other', [], of(ALICE, BOB));
    await live(100);
    expect(bus.topics('b')).toEqual([COMMON, T_ALICE, T_BOB]);
    b.hub.setInterest('imap', new Set());
    await live(100);
    expect(bus.topics('b')).toEqual([COMMON, T_ALICE, T_BOB]);
    await other.stop();
    await settle();
    expect(bus.topics('b')).toEqual([COMMON]);
    const all = listen(b.hub, 'roles', [], 'all');
    await live(100);
    expect(bus.topics('b')).toHaveLength(65);
    b.hub.setInterest('stranger', of(ALICE));
    await all.stop();
    await follower.stop();
    await settle();
    expect(bus.topics('b')).toEqual([COMMON]);
    await b.hub.stop();
    expect(bus.topics('b')).toEqual([]);
  });

  it('that is added is confirmed by a gap of its streams when their events come', async () => {
    const { a, b, follower, pump, live } = await interested(ALICE);
    expect(follower.items.map(({ $case }) => $case)).toEqual(['ready', 'gap']);
    b.hub.setInterest('imap', of(ALICE, BOB));
    await settle();
    const confirmed = { nodeId: '', disconnected: false };
    expect(follower.gaps()).toMatchObject([
      { ...confirmed, streams: [S_ALICE] },
      { ...confirmed, streams: [S_BOB] },
    ]);
    await a.hub.publish([mailboxChanged(BOB)]);
    await pump();
    expect(follower.accounts()).toEqual([BOB]);
    // Another process of the node needs what comes already.
    const late = listen(b.hub, 'late', [], new Set());
    await settle();
    b.hub.setInterest('late', of(BOB));
    await settle();
    expect(late.gaps()).toMatchObject([{ ...confirmed, streams: [S_BOB] }]);
    await live(2000);
    expect(follower.gaps()).toHaveLength(2);
  });

  it('in a stream that cannot be subscribed to counts as a bus that does not bring all, until it does', async () => {
    const { bus, b, follower, live } = await interested(ALICE);
    bus.refuse('b', new StoaError('unavailable', 'no shard'));
    b.hub.setInterest('imap', of(ALICE, BOB));
    await live(200);
    expect(follower.gaps().at(-1)).toMatchObject({ nodeId: '', disconnected: true, streams: [] });
    expect(b.hub.degraded).toContain('not bring all');
    expect(b.hub.connected).toBe(true);
    bus.refuse('b', undefined);
    await live(1000);
    expect(follower.gaps().at(-1)).toMatchObject({ nodeId: '', disconnected: false, streams: [] });
    expect(b.hub.degraded).toBeUndefined();
  });
});

describe('losses on a stream', () => {
  it('show with the next envelope, to those who need the stream', async () => {
    const { bus, a, atB, follower, gaps, pump } = await interested(ALICE);
    await a.hub.publish([mailboxChanged(ALICE)]);
    bus.take('b');
    await a.hub.publish([mailboxChanged(ALICE)]);
    await pump();
    expect(follower.accounts()).toEqual([ALICE]);
    expect(gaps()).toMatchObject([{ nodeId: 'a', streams: [S_ALICE], disconnected: false }]);
    expect(atB.gaps()).toEqual([]);
  });

  it('of the last envelope show by the heartbeats', async () => {
    const { bus, a, gaps, live } = await interested(ALICE);
    await a.hub.publish([mailboxChanged(ALICE)]);
    bus.take('b');
    await live(1100);
    expect(gaps()).toMatchObject([{ nodeId: 'a', streams: [S_ALICE] }]);
    await live(2000);
    expect(gaps()).toHaveLength(1);
  });

  it('of the last envelope show with the goodbye', async () => {
    const { bus, a, gaps, pump } = await interested(ALICE);
    await a.hub.publish([mailboxChanged(ALICE)]);
    bus.take('b');
    await a.hub.leave();
    await pump();
    expect(gaps()).toMatchObject([{ nodeId: 'a', streams: [S_ALICE] }]);
    await a.hub.publish([mailboxChanged(ALICE)]);
    bus.take('b');
    await a.hub.stop();
    await pump();
    expect(gaps()).toHaveLength(2);
  });

  it('on streams that nobody here needs are none, nor are those before the interest', async () => {
    const { bus, a, b, atB, follower, gaps, live, pump } = await interested(ALICE);
    for (let i = 0; i < 3; i++) await a.hub.publish([mailboxChanged(BOB)]);
    await live(2000);
    b.hub.setInterest('imap', of(ALICE, BOB));
    await live(2000);
    await a.hub.publish([mailboxChanged(BOB)]);
    await live(2000);
    expect(follower.accounts()).toEqual([BOB]);
    expect(gaps()).toMatchObject([{ nodeId: '', streams: [S_BOB] }]);
    expect(atB.gaps()).toEqual([]);
    // From here on they are.
    await a.hub.publish([mailboxChanged(BOB)]);
    bus.take('b');
    await live(1100);
    expect(gaps().slice(1)).toMatchObject([{ nodeId: 'a', streams: [S_BOB] }]);
    // And again after an interest that was given up and taken anew.
    b.hub.setInterest('imap', of(ALICE));
    await a.hub.publish([mailboxChanged(BOB)]);
    await live(1100);
    b.hub.setInterest('imap', of(ALICE, BOB));
    await pump();
    await live(1100);
    expect(gaps().slice(2)).toMatchObject([{ nodeId: '', streams: [S_BOB] }]);
  });

  it('because the bus was away show when it is back', async () => {
    const { bus, a, follower, gaps, live } = await interested(ALICE);
    bus.cut('a');
    await expect(a.hub.publish([mailboxChanged(ALICE)])).rejects.toMatchObject({ code: 'unavailable' });
    bus.mend('a');
    await live(1600);
    expect(follower.accounts()).toEqual([]);
    expect(gaps()).toContainEqual(expect.objectContaining({ nodeId: 'a', streams: [S_ALICE] }));
  });

  it('of the whole bus are told once when it is back with all its streams', async () => {
    const { bus, follower, live } = await interested(ALICE, BOB);
    const before = follower.gaps().length;
    bus.cut('b');
    await live(100);
    bus.mend('b');
    await live(1000);
    const after = follower.gaps().slice(before);
    expect(after[0]).toMatchObject({ nodeId: '', disconnected: true });
    expect(after.filter(({ nodeId, disconnected }) => nodeId === '' && disconnected === false)).toHaveLength(1);
  });

  it('of one stream alone count as a bus that does not bring all', async () => {
    const { bus, a, b, follower, live } = await interested(ALICE, BOB);
    bus.topicLost('b', T_ALICE);
    await live(2000);
    expect(follower.gaps().at(-1)).toMatchObject({ nodeId: '', disconnected: true });
    expect(b.hub.connected).toBe(true);
    // What does not need that stream goes on.
    await a.hub.publish([mailboxChanged(BOB), domainChanged('x')]);
    await live(100);
    expect([follower.accounts(), follower.domains()]).toEqual([[BOB], ['x']]);
    bus.topicBack('b', T_ALICE);
    await live(100);
    expect(follower.gaps().at(-1)).toMatchObject({ nodeId: '', disconnected: false, streams: [] });
  });
});

it('an envelope on the topic of another stream is not taken', async () => {
  const { bus, a, b, follower, pump } = await interested(ALICE);
  await a.hub.publish([mailboxChanged(ALICE)]);
  const [envelope] = bus.take('b') as [Uint8Array];
  bus.inject(envelope, COMMON);
  await pump();
  expect(follower.accounts()).toEqual([]);
  expect(b.logger.lines.map(({ fields }) => (fields as { reason?: string }).reason)).toContain('foreign-bytes');
});
