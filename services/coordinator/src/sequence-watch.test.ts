import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SequenceWatch } from './sequence-watch.ts';

describe('SequenceWatch', () => {
  it('takes what comes in order', () => {
    const watch = new SequenceWatch();
    for (const sequence of [1, 2, 3]) expect(watch.see('1', 100, sequence)).toEqual({ take: true, gap: undefined });
  });

  it('reports a jump once, takes what comes late, drops what was seen', () => {
    const watch = new SequenceWatch();
    watch.see('1', 100, 1);
    expect(watch.see('1', 100, 4)).toEqual({ take: true, gap: '2 envelopes are missing', ofAll: true });
    expect(watch.see('1', 100, 3)).toEqual({ take: true, gap: undefined });
    expect(watch.see('1', 100, 3)).toEqual({ take: false });
    expect(watch.see('1', 100, 4)).toEqual({ take: false });
    expect(watch.see('1', 100, 5)).toEqual({ take: true, gap: undefined });
    expect(watch.see('1', 100, 1)).toEqual({ take: false });
  });

  it('is not made deaf by a garbled number', () => {
    const watch = new SequenceWatch();
    watch.see('1', 100, 1);
    expect(watch.see('1', 100, 2 ** 40)).toMatchObject({ take: true });
    expect(watch.see('1', 100, 2)).toEqual({ take: true, gap: 'the numbers went back', ofAll: true });
    expect(watch.see('1', 100, 3)).toEqual({ take: true, gap: undefined });
  });

  it('agrees with a list of all that was seen, as long as nothing is more than 31 late', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -31, max: 40 }), { maxLength: 200 }), (steps) => {
        const watch = new SequenceWatch();
        const seen = new Set<number>([100]);
        let highest = 100;
        watch.see('1', 1, highest);
        for (const step of steps) {
          const sequence = highest + step;
          const verdict = watch.see('1', 1, sequence);
          if (sequence < 100) continue;
          expect(verdict.take).toBe(!seen.has(sequence));
          if (verdict.take) expect(verdict.gap !== undefined).toBe(sequence > highest + 1);
          seen.add(sequence);
          highest = Math.max(highest, sequence);
        }
      }),
    );
  });

  it('reports a new start, also with a clock that was set back, and still takes late words of the old one', () => {
    const watch = new SequenceWatch();
    watch.see('1', 100, 1);
    expect(watch.see('1', 200, 1)).toEqual({ take: true, gap: 'the node started anew', ofAll: true });
    expect(watch.see('1', 50, 1)).toEqual({ take: true, gap: 'the node started anew', ofAll: true });
    expect(watch.see('1', 100, 2)).toEqual({ take: true, gap: undefined });
    expect(watch.see('1', 100, 2)).toEqual({ take: false });
  });

  it('reports a sender that is first heard of in the middle', () => {
    expect(new SequenceWatch().see('1', 100, 7)).toEqual({
      take: true,
      gap: 'first heard of in the middle',
      ofAll: true,
    });
  });

  it('forgets the first sender beyond its limit, and asks for a re-read when that one speaks again', () => {
    const watch = new SequenceWatch(2);
    watch.see('1', 100, 1);
    watch.see('2', 100, 1);
    watch.see('3', 100, 1);
    expect(watch.see('1', 100, 2)).toEqual({ take: true, gap: 'first heard of in the middle', ofAll: true });
    expect(watch.see('4', 100, 1)).toEqual({ take: true, gap: 'first heard of in the middle', ofAll: true });
  });

  describe('on streams', () => {
    const listening = { listens: () => true, last: false, forgiven: false };
    const at = (sequence: number, stream = 5) => [{ stream, sequence }];

    it('counts each for itself', () => {
      const watch = new SequenceWatch();
      watch.see('1', 100, 1);
      expect(watch.see('1', 100, 1, 5)).toEqual({ take: true, gap: undefined });
      expect(watch.see('1', 100, 3, 5)).toEqual({ take: true, gap: '1 envelopes are missing' });
      expect(watch.see('1', 100, 1, 6)).toEqual({ take: true, gap: undefined });
      expect(watch.see('1', 100, 1, 6)).toEqual({ take: false });
      expect(watch.see('1', 100, 2)).toEqual({ take: true, gap: undefined });
    });

    it('reports a new start for all of them, whichever it is heard of on', () => {
      const watch = new SequenceWatch();
      watch.see('1', 100, 1);
      expect(watch.see('1', 200, 1, 5)).toEqual({ take: true, gap: 'the node started anew', ofAll: true });
      expect(watch.see('1', 200, 1)).toEqual({ take: true, gap: undefined });
      expect(watch.see('2', 100, 9, 5)).toEqual({ take: true, gap: 'first heard of in the middle', ofAll: true });
    });

    it('misses what a heartbeat told with the next one, or at once with the last', () => {
      const watch = new SequenceWatch();
      watch.see('1', 100, 1);
      expect(watch.announce('1', 100, at(2), listening)).toEqual([]);
      expect(watch.announce('1', 100, at(2), listening)).toEqual([5]);
      expect(watch.announce('1', 100, at(2), listening)).toEqual([]);
      expect(watch.announce('1', 100, at(3), { ...listening, last: true })).toEqual([5]);
      expect(watch.announce('1', 100, at(4), { ...listening, forgiven: true })).toEqual([]);
      expect(watch.announce('1', 100, at(4), listening)).toEqual([]);
    });

    it('does not miss what a heartbeat overtook', () => {
      const watch = new SequenceWatch();
      watch.see('1', 100, 1);
      watch.announce('1', 100, at(2), listening);
      expect([1, 2].map((sequence) => watch.see('1', 100, sequence, 5).take)).toEqual([true, true]);
      expect(watch.announce('1', 100, at(2), listening)).toEqual([]);
    });

    it('takes what comes after it was given up, once', () => {
      const watch = new SequenceWatch();
      watch.see('1', 100, 1);
      watch.announce('1', 100, at(2), { ...listening, last: true });
      expect(watch.see('1', 100, 2, 5)).toEqual({ take: true, gap: undefined });
      expect(watch.see('1', 100, 2, 5)).toEqual({ take: false });
    });

    it('begins with what was told last of one that nobody listened to', () => {
      const watch = new SequenceWatch();
      watch.see('1', 100, 1);
      expect(watch.announce('1', 100, at(700), { ...listening, listens: () => false })).toEqual([]);
      expect(watch.see('1', 100, 701, 5)).toEqual({ take: true, gap: undefined });
      expect(watch.announce('1', 100, at(701), listening)).toEqual([]);
      expect(watch.announce('1', 100, at(701), listening)).toEqual([]);
    });

    it('is not led astray by numbers and streams that cannot be', () => {
      const watch = new SequenceWatch();
      expect(watch.announce('1', 100, at(1), listening)).toEqual([]);
      watch.see('1', 100, 1);
      for (const stream of [0, 65, 2 ** 31]) {
        expect(watch.announce('1', 100, at(9, stream), { ...listening, last: true })).toEqual([]);
      }
      watch.announce('1', 100, at(2 ** 40), listening);
      watch.announce('1', 100, at(1), listening);
      expect(watch.see('1', 100, 2, 5)).toEqual({ take: true, gap: 'the numbers went back' });
      expect(watch.announce('1', 100, at(2), listening)).toEqual([]);
      expect(watch.announce('1', 100, at(2), listening)).toEqual([]);
    });
  });
});
