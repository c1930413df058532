import { coordinator } from '@stoa/contracts';
import { MAX_BUS_PAYLOAD_BYTES } from '@stoa/plugin-sdk';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { domainChanged } from '../test/support/test-node.ts';
import { readEnvelope } from './envelope-reader.ts';
import { EnvelopeWriter } from './envelope-writer.ts';

const writer = () => new EnvelopeWriter({ clusterId: 'c', nodeId: '1', incarnation: 100 }, () => 5);

describe('envelopes', () => {
  it('carry events with their sender, numbered', () => {
    const out = writer();
    out.seal(0, [domainChanged('a')]);
    expect(readEnvelope(out.seal(0, [domainChanged('b')]), 'c')).toEqual({
      nodeId: '1',
      incarnation: 100,
      stream: 0,
      sequence: 2,
      sentAt: 5,
      events: [domainChanged('b')],
      newerVersion: undefined,
      unknownEvents: 0,
    });
    expect(readEnvelope(out.sealUncounted([domainChanged('b')]), 'c')).toMatchObject({ sequence: 0 });
    out.leaveHole(0);
    expect(readEnvelope(out.seal(0, []), 'c')).toMatchObject({ sequence: 4 });
  });

  it('are numbered on each stream, and it is known how far', () => {
    const out = writer();
    for (const stream of [0, 3, 3, 64]) out.seal(stream, []);
    out.leaveHole(3);
    expect(readEnvelope(out.seal(3, []), 'c')).toMatchObject({ stream: 3, sequence: 4 });
    expect(readEnvelope(out.seal(0, []), 'c')).toMatchObject({ stream: 0, sequence: 2 });
    expect(out.positions()).toEqual([
      { stream: 3, sequence: 4 },
      { stream: 64, sequence: 1 },
    ]);
    expect(out.count).toBe(7);
  });

  it('are sealed in one go where one envelope holds them, and use up no number where not', () => {
    const out = writer();
    const encode = vi.spyOn(coordinator.Event, 'encode');
    const payload = out.sealWhole(3, [domainChanged('a'), domainChanged('b')]);
    expect(encode).toHaveBeenCalledTimes(2);
    encode.mockRestore();
    expect(readEnvelope(payload as Uint8Array, 'c')).toMatchObject({ stream: 3, sequence: 1 });
    const many = Array.from({ length: 10 }, () => domainChanged('x'.repeat(MAX_BUS_PAYLOAD_BYTES / 8)));
    expect(out.sealWhole(3, many)).toBeUndefined();
    expect(readEnvelope(out.seal(3, []), 'c')).toMatchObject({ sequence: 2 });
  });

  it('are the same octets as when they are written in one piece', () => {
    const whole = coordinator.Envelope.encode({
      version: 1,
      clusterId: 'c',
      nodeId: '1',
      incarnation: 100,
      stream: 3,
      sequence: 1,
      sentAt: 5,
      events: [domainChanged('a')],
    }).finish();
    expect(Buffer.from(writer().seal(3, [domainChanged('a')])).equals(whole)).toBe(true);
  });

  it('are known by their writer', () => {
    const [own, other] = [writer(), new EnvelopeWriter({ clusterId: 'c', nodeId: 'other', incarnation: 7 }, () => 1)];
    expect(own.wrote(own.seal(5, [domainChanged('a')]))).toBe(true);
    expect(own.wrote(other.seal(5, [domainChanged('a')]))).toBe(false);
    expect(own.wrote(new Uint8Array())).toBe(false);
  });

  it('are split so that each fits into a message of the bus, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { maxLength: 20 }), (sizes) => {
        const out = writer();
        const events = sizes.map((size, index) => domainChanged(`${index}-${'x'.repeat(size)}`));
        const { batches, tooLarge } = out.split(events);
        expect(tooLarge).toBe(0);
        expect(batches.flat()).toEqual(events);
        for (const batch of batches) expect(out.seal(0, batch).length).toBeLessThanOrEqual(MAX_BUS_PAYLOAD_BYTES);
      }),
    );
  });

  it('leave over an event that fits into none', () => {
    const events = [domainChanged('a'), domainChanged('x'.repeat(MAX_BUS_PAYLOAD_BYTES)), domainChanged('b')];
    expect(writer().split(events)).toEqual({ batches: [[domainChanged('a'), domainChanged('b')]], tooLarge: 1 });
  });

  it('of a newer version are read as far as they are understood', () => {
    const head = { version: 9, clusterId: 'c', nodeId: '2', incarnation: 1, stream: 0, sequence: 1, sentAt: 0 };
    const known = coordinator.Envelope.encode({ ...head, events: [domainChanged('a')] }).finish();
    // Field 7 (events) with an event that holds field 99 alone; then field 200 of the envelope, a number.
    const unknown = Uint8Array.of(0x3a, 4, 0x9a, 0x06, 1, 0x41, 0xc0, 0x0c, 7);
    expect(readEnvelope(Buffer.concat([known, unknown]), 'c')).toMatchObject({
      newerVersion: 9,
      events: [domainChanged('a')],
      unknownEvents: 1,
    });
  });

  it('of others are told apart', () => {
    const head = {
      version: 1,
      clusterId: 'c',
      nodeId: '2',
      incarnation: 1,
      stream: 0,
      sequence: 1,
      sentAt: 0,
      events: [],
    };
    const read = (change: object) => readEnvelope(coordinator.Envelope.encode({ ...head, ...change }).finish(), 'c');
    expect(read({ clusterId: 'd' })).toBe('other-cluster');
    expect(read({ version: 0 })).toBe('foreign-bytes');
    expect(read({ nodeId: '' })).toBe('foreign-bytes');
    expect(read({ nodeId: 'n'.repeat(65) })).toBe('foreign-bytes');
    expect(read({ incarnation: 0 })).toBe('foreign-bytes');
    expect(readEnvelope(new Uint8Array(MAX_BUS_PAYLOAD_BYTES + 1), 'c')).toBe('foreign-bytes');
  });

  it('never throw, whatever the bytes', () => {
    const real = writer().seal(0, [domainChanged('a'), domainChanged('b')]);
    const mutated = fc.array(fc.tuple(fc.nat(real.length - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
      const bytes = Uint8Array.from(real);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), (bytes) => {
        const read = readEnvelope(bytes, 'c');
        expect(typeof read === 'string' || read.nodeId.length > 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
