import { describe, expect, it } from 'vitest';
import { LocalBus } from './bus.ts';

const errors: object[] = [];
const logger = { debug() {}, info() {}, warn() {}, error: (fields: object) => errors.push(fields) };

function makeBus(settings: Partial<{ channel: string; maxQueuedMessages: number; maxQueuedSize: number }> = {}) {
  return new LocalBus({ channel: 'test', maxQueuedMessages: 10, maxQueuedSize: 1000, ...settings }, logger);
}

/** Keeps the calls as text; `until` waits for one. */
function listen() {
  const calls: string[] = [];
  let wake = () => {};
  const hear = (call: string) => {
    calls.push(call);
    wake();
  };
  return {
    calls,
    listener: {
      message: (payload: Uint8Array) => hear(Buffer.from(payload).toString()),
      gap: () => hear('gap'),
      connected: () => hear('connected'),
    },
    async until(call: string) {
      while (!calls.includes(call)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

describe('a listener that is too slow', () => {
  it('gets what was waiting, then a gap, then connected, then what is new', async () => {
    const bus = makeBus();
    const ear = listen();
    await bus.subscribe('t', ear.listener);
    for (let index = 0; index < 15; index += 1) void bus.publish('t', Buffer.from(String(index)));
    await ear.until('gap');
    await bus.publish('t', Buffer.from('new'));
    await ear.until('new');
    const first = Array.from({ length: 10 }, (_, index) => String(index));
    expect(ear.calls).toEqual(['connected', ...first, 'gap', 'connected', 'new']);
    await bus.close();
  });

  it('is bounded in octets too, and does not slow another down', async () => {
    const bus = makeBus({ maxQueuedMessages: 1000 });
    const [large, small] = [listen(), listen()];
    await bus.subscribe('large', large.listener);
    await bus.subscribe('small', small.listener);
    void bus.publish('large', Buffer.alloc(900, 'a'));
    void bus.publish('large', Buffer.alloc(200, 'b'));
    void bus.publish('small', Buffer.from('1'));
    await large.until('gap');
    await small.until('1');
    expect(large.calls).toEqual(['connected', 'a'.repeat(900), 'gap', 'connected']);
    expect(small.calls).toEqual(['connected', '1']);
    await bus.close();
  });

  it('may close its subscription from within', async () => {
    const bus = makeBus();
    const ear = listen();
    const subscription = await bus.subscribe('t', {
      ...ear.listener,
      message: (payload) => {
        ear.listener.message(payload);
        void subscription.close();
      },
    });
    const other = listen();
    await bus.subscribe('t', other.listener);
    for (const text of ['1', '2', '3']) void bus.publish('t', Buffer.from(text));
    await other.until('3');
    expect(ear.calls).toEqual(['connected', '1']);
    await bus.close();
  });
});

describe('channels', () => {
  it('are apart', async () => {
    const [one, same, other] = [makeBus(), makeBus(), makeBus({ channel: 'other' })];
    const [heard, unheard] = [listen(), listen()];
    await same.subscribe('t', heard.listener);
    await other.subscribe('t', unheard.listener);
    await one.publish('t', Buffer.from('1'));
    await heard.until('1');
    expect(unheard.calls).toEqual(['connected']);
    await Promise.all([one.close(), same.close(), other.close()]);
    await expect(one.publish('t', Buffer.from('2'))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('errors of listeners', () => {
  it('are logged', async () => {
    const bus = makeBus();
    const other = listen();
    const fail = () => {
      throw new Error('a listener failed');
    };
    await bus.subscribe('t', { message: fail, gap: fail, connected: fail });
    await bus.subscribe('t', other.listener);
    await bus.publish('t', Buffer.from('1'));
    await other.until('1');
    expect(errors.length).toBe(2);
    await bus.close();
  });
});
