import { StoaError } from '@stoa/plugin-sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock, settle } from '../test/support/fake-clock.ts';
import { FakeMaintenance } from '../test/support/fake-maintenance.ts';
import { type HeldLease, LeaseHolder } from './lease.ts';

const TTL = 6_000;

function contender(clock: FakeClock, maintenance: FakeMaintenance, owner: string) {
  const process = clock.process();
  const log: string[] = [];
  const leases: HeldLease[] = [];
  const holder = new LeaseHolder({
    maintenance: maintenance.client(),
    name: 'role',
    owner,
    ttlMs: TTL,
    clock: process,
    onGained: (lease) => {
      log.push('gained');
      leases.push(lease);
    },
    onLost: () => log.push('lost'),
    onTrouble: (error) => log.push(error?.code ?? 'well again'),
  });
  return { holder, process, log, leases };
}

function world() {
  const clock = new FakeClock();
  const maintenance = new FakeMaintenance(clock);
  return { clock, maintenance, a: contender(clock, maintenance, 'a'), b: contender(clock, maintenance, 'b') };
}

describe('a lease', () => {
  it('is held by one, renewed, and taken over when its holder is silent', async () => {
    const { clock, a, b } = world();
    a.holder.start();
    await settle();
    b.holder.start();
    await clock.advance(60_000);
    expect(a.holder.held?.fence).toEqual({ lease: 'role', token: 1 });
    expect(b.holder.held).toBeUndefined();
    expect([a.log, b.log]).toEqual([['gained'], []]);
    a.process.pause();
    await clock.advance(TTL + TTL / 4);
    expect(b.holder.held?.fence).toEqual({ lease: 'role', token: 2 });
    expect(a.holder.held, 'known without asking').toBeUndefined();
    await a.process.resume();
    expect(a.log).toEqual(['gained', 'lost']);
    expect(a.leases[0]?.signal.reason).toMatchObject({ code: 'conflict' });
  });

  it('passes on at once when it is given back', async () => {
    const { clock, maintenance, a, b } = world();
    a.holder.start();
    await settle();
    b.holder.start();
    await settle();
    await a.holder.stop();
    expect(a.leases[0]?.signal.aborted).toBe(true);
    expect(a.log).toEqual(['gained']);
    await clock.advance(TTL / 4);
    expect(b.holder.held?.fence.token).toBe(2);
    await b.holder.stop();
    await b.holder.stop();
    expect(clock.pending).toBe(0);
    expect(maintenance.leases.get('role')?.owner).toBe('');
  });

  it('outlives a short trouble of the store, and ends with a long one', async () => {
    const { clock, maintenance, a } = world();
    a.holder.start();
    await settle();
    maintenance.failure = new StoaError('unavailable', 'the store is away');
    await clock.advance(TTL / 2);
    expect(a.holder.held).toBeDefined();
    maintenance.failure = undefined;
    await clock.advance(TTL);
    expect(a.log).toEqual(['gained', 'unavailable', 'well again']);
    maintenance.failure = new StoaError('unavailable', 'the store is away');
    await clock.advance(TTL);
    expect(a.holder.held).toBeUndefined();
    expect(a.log.filter((line) => line === 'lost')).toHaveLength(1);
    maintenance.failure = undefined;
    await clock.advance(TTL);
    expect(a.holder.held?.fence.token, 'nobody had it meanwhile').toBe(1);
  });

  it('is never held by two, whoever is paused and whenever', async () => {
    const step = fc.record({
      who: fc.constantFrom('a' as const, 'b' as const),
      pause: fc.boolean(),
      ms: fc.integer({ min: 1, max: 2 * TTL }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        const given = world();
        const { clock, a, b } = given;
        const neverBoth = () => expect(a.holder.held !== undefined && b.holder.held !== undefined).toBe(false);
        a.holder.start();
        b.holder.start();
        await settle();
        for (const { who, pause, ms } of steps) {
          if (pause) given[who].process.pause();
          else await given[who].process.resume();
          for (let passed = 0; passed < ms; passed += 500) {
            await clock.advance(Math.min(500, ms - passed));
            neverBoth();
          }
        }
        await a.process.resume();
        await b.process.resume();
        await clock.advance(2 * TTL);
        neverBoth();
        expect(a.holder.held ?? b.holder.held, 'somebody has it in the end').toBeDefined();
      }),
      { numRuns: 60 },
    );
  });
});
