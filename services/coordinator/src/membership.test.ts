import { coordinator } from '@stoa/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Membership } from './membership.ts';

const { STATE_ALIVE, STATE_DEAD, STATE_LEFT, STATE_SUSPECT } = coordinator.Member_State;
const TIMES = { heartbeatMs: 500, suspectAfterMs: 1500, deadAfterMs: 2500 };

const beat = (fields: Partial<coordinator.Heartbeat> = {}) =>
  coordinator.Heartbeat.fromPartial({ host: 'h', version: '1', services: ['imap'], sessions: 3, ...fields });

function cluster() {
  const membership = new Membership(TIMES);
  const state = (id = 'a') => membership.get(id)?.state;
  /** Ticks as a running node does. */
  const run = (from: number, to: number, listening = true) => {
    for (let now = from; now <= to; now += 500) membership.tick(now, listening);
  };
  return { membership, state, run };
}

describe('Membership', () => {
  it('knows what a heartbeat tells', () => {
    const { membership } = cluster();
    expect(membership.heard('a', 1, beat(), 1000)).toEqual([{ nodeId: 'a', from: undefined, to: STATE_ALIVE }]);
    expect(membership.heard('a', 1, undefined, 1100)).toEqual([]);
    expect(membership.list()).toEqual([
      {
        nodeId: 'a',
        incarnation: 1,
        state: STATE_ALIVE,
        host: 'h',
        version: '1',
        services: ['imap'],
        sessions: 3,
        lastSeenAt: 1100,
        draining: false,
        drained: false,
      },
    ]);
  });

  it('suspects a silent node, declares it dead within three seconds, and takes it back', () => {
    const { membership, state, run } = cluster();
    membership.heard('a', 1, beat(), 0);
    run(0, 1000);
    expect(state()).toBe(STATE_ALIVE);
    run(1500, 2000);
    expect(state()).toBe(STATE_SUSPECT);
    run(2500, 3000);
    expect(state()).toBe(STATE_DEAD);
    expect(membership.heard('a', 1, beat(), 3100)).toEqual([{ nodeId: 'a', from: STATE_DEAD, to: STATE_ALIVE }]);
  });

  it('does not count what a start says that gave way to another of the same id', () => {
    const { membership, state } = cluster();
    membership.heard('a', 1, beat({ host: 'first' }), 0);
    membership.heard('a', 2, beat({ host: 'second' }), 10);
    membership.refuse('a', 2);
    expect(state()).toBeUndefined();
    membership.heard('a', 2, undefined, 20);
    expect(state()).toBeUndefined();
    membership.heard('a', 1, beat({ host: 'first' }), 30);
    expect(membership.get('a')).toMatchObject({ host: 'first', state: STATE_ALIVE });
  });

  it('takes a clean leave at once; only a new start undoes it', () => {
    const { membership, state } = cluster();
    membership.heard('a', 1, beat(), 0);
    membership.heard('a', 1, beat({ leaving: true }), 10);
    expect(state()).toBe(STATE_LEFT);
    membership.heard('a', 1, undefined, 20);
    expect(state()).toBe(STATE_LEFT);
    membership.heard('a', 2, beat(), 30);
    expect(state()).toBe(STATE_ALIVE);
  });

  it('heeds an earlier start only after the later one is gone', () => {
    const { membership, run } = cluster();
    membership.heard('a', 9, beat({ host: 'new' }), 0);
    membership.heard('a', 5, beat({ host: 'old' }), 10);
    expect(membership.get('a')?.host).toBe('new');
    run(0, 3000);
    membership.heard('a', 5, beat({ host: 'set back' }), 3100);
    expect(membership.get('a')).toMatchObject({ host: 'set back', state: STATE_ALIVE, incarnation: 5 });
  });

  it('declares nobody dead while it cannot listen, and gives all their time when it can again', () => {
    const { membership, state, run } = cluster();
    membership.heard('a', 1, beat(), 0);
    run(0, 60_000, false);
    expect(state()).toBe(STATE_SUSPECT);
    membership.listeningAgain(60_000);
    run(60_500, 62_000);
    expect(state()).toBe(STATE_SUSPECT);
    run(62_500, 63_000);
    expect(state()).toBe(STATE_DEAD);
  });

  it.each([
    ['a pause of this process', 3_600_000],
    ['a clock set back', -3_600_000],
  ])('does not take %s for the silence of others', (_, jump) => {
    const { membership, state, run } = cluster();
    const start = 10_000_000;
    membership.heard('a', 1, beat(), start);
    run(start, start + 500);
    membership.tick(start + 500 + jump, true);
    expect(state()).toBe(STATE_ALIVE);
    run(start + 1000 + jump, start + 3500 + jump);
    expect(state()).toBe(STATE_DEAD);
  });

  it('forgets after a day', () => {
    const { membership, run } = cluster();
    membership.heard('a', 1, beat({ leaving: true }), 0);
    run(0, 86_400_000);
    expect(membership.list()).toHaveLength(1);
    membership.tick(86_400_500, true);
    expect(membership.list()).toEqual([]);
  });

  it('holds a bounded number of members', () => {
    const { membership } = cluster();
    for (let i = 0; i < 10_100; i++) membership.heard(`n${i}`, 1, undefined, i);
    expect(membership.list()).toHaveLength(10_000);
    expect(membership.get('n0')).toBeUndefined();
  });

  it('has each node in the state that its silence asks for', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('tick' as const) }),
      fc.record({ kind: fc.constant('heard' as const), id: fc.constantFrom('a', 'b') }),
      fc.record({ kind: fc.constant('leave' as const), id: fc.constantFrom('a', 'b') }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { membership } = cluster();
        const model = new Map<string, { heard: number; left: boolean; incarnation: number }>();
        let now = 0;
        membership.tick(now, true);
        for (const each of steps) {
          if (each.kind === 'tick') {
            now += 500;
            membership.tick(now, true);
          } else {
            const known = model.get(each.id);
            const incarnation = known?.left === true ? known.incarnation + 1 : (known?.incarnation ?? 1);
            const left = each.kind === 'leave';
            model.set(each.id, { heard: now, left, incarnation });
            membership.heard(each.id, incarnation, beat({ leaving: left }), now);
          }
          for (const [id, { heard, left }] of model) {
            const silent = now - heard;
            const up = silent >= 2500 ? STATE_DEAD : silent >= 1500 ? STATE_SUSPECT : STATE_ALIVE;
            expect(membership.get(id)?.state).toBe(left ? STATE_LEFT : up);
          }
        }
      }),
    );
  });
});
