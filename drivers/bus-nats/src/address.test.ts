import { describe, expect, it } from 'vitest';
import { describeAddress, parseServer, withDiscovered } from './address.ts';

describe('parseServer', () => {
  it.each([
    ['nats.example', 'nats.example:4222', false],
    ['nats.example:80', 'nats.example:80', false],
    ['nats://10.0.0.1:4223', '10.0.0.1:4223', false],
    ['tls://nats.example', 'nats.example:4222', true],
    ['[::1]:4223', '[::1]:4223', false],
    ['::1', '[::1]:4222', false],
    ['tls://[fd00::1]:4222/', '[fd00::1]:4222', true],
  ])('%s', (text, place, secure) => {
    const address = parseServer(text);
    expect(address?.secure).toBe(secure);
    expect(address && describeAddress(address)).toBe(place);
  });

  it.each(['', 'nats://', 'http://nats.example', 'a b', 'nats.example:0', 'nats.example:70000', 'nats.example/x'])(
    '%j is none',
    (text) => expect(parseServer(text)).toBeUndefined(),
  );
});

describe('withDiscovered', () => {
  const parse = (text: string) => parseServer(text)!;

  it('adds what is new, and keeps how a server was configured', () => {
    const configured = [parse('nats.example'), parse('10.0.0.1:4222')];
    const all = withDiscovered(configured, ['10.0.0.1:4222', '10.0.0.2:4222', '?'], parse('nats.example'));
    expect(all.map(describeAddress)).toEqual(['nats.example:4222', '10.0.0.1:4222', '10.0.0.2:4222']);
    expect(all[1]?.knownAs).toBeUndefined();
  });

  it('an address is known by the name of the server that told it, whose certificate it shares', () => {
    const told = withDiscovered([], ['10.0.0.2:4222'], parse('nats.example'));
    expect(told[0]?.knownAs).toBe('nats.example');
    // It is passed on when that address tells others.
    expect(withDiscovered([], ['10.0.0.3:4222'], told[0])[0]?.knownAs).toBe('nats.example');
    expect(withDiscovered([], ['10.0.0.3:4222'], parse('10.0.0.1'))[0]?.knownAs).toBeUndefined();
    expect(withDiscovered([], ['other.example:4222'], parse('nats.example'))[0]?.knownAs).toBeUndefined();
  });
});
