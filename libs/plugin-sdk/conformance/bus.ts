import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Bus, type BusListener, MAX_BUS_PAYLOAD_BYTES, TOPIC } from '../src/index.ts';
import { driverTests } from './driver.ts';
import {
  bytes,
  heading,
  mayRejectWith,
  pattern,
  rejectsWith,
  type Subject,
  type SuiteOptions,
  sameBytes,
  type TestApi,
  uniqueName,
  within,
} from './suite.ts';

/** Checks a bus against the obligations of `Bus`. */
export function busSuite(options: SuiteOptions<'bus'>): void {
  heading(options, (test, subject) => {
    driverTests(test, subject, 'bus');
    deliveryTests(test, subject);
    listenerTests(test, subject);
    orderTests(test, subject);
  });
}

/** A listener that keeps what it hears, and lets a test wait for it. */
export class Recorder implements BusListener {
  readonly messages: Uint8Array[] = [];
  readonly calls: ('message' | 'gap' | 'connected')[] = [];
  readonly #patienceMs: number;
  #wake = () => {};

  constructor({ patienceMs }: Subject<'bus'>) {
    this.#patienceMs = patienceMs;
  }

  message(payload: Uint8Array): void {
    this.messages.push(payload);
    this.#heard('message');
  }

  gap(): void {
    this.#heard('gap');
  }

  connected(): void {
    this.#heard('connected');
  }

  get gaps(): number {
    return this.calls.filter((call) => call === 'gap').length;
  }

  #heard(call: 'message' | 'gap' | 'connected'): void {
    this.calls.push(call);
    this.#wake();
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const waiting = async () => {
      while (!condition()) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    await within(waiting(), this.#patienceMs, what);
  }

  /** Waits for a message with this text, which may be the last of many. */
  untilHeard(text: string): Promise<void> {
    const expected = Buffer.from(text);
    return this.until(() => this.messages.some((message) => expected.equals(message)), `the message "${text}"`);
  }
}

const newTopic = () => `${TOPIC}.conformance-${uniqueName()}`;

function texts(messages: readonly Uint8Array[]): string[] {
  return messages.map((message) => Buffer.from(message).toString());
}

function deliveryTests(test: TestApi['test'], subject: Subject<'bus'>): void {
  test('every subscriber of the topic, in both instances, gets every message once', async () => {
    await subject.use((one) =>
      subject.use(async (two) => {
        const topic = newTopic();
        const listeners = Array.from({ length: 4 }, () => new Recorder(subject));
        for (const [index, listener] of listeners.entries()) {
          const bus = index % 2 === 0 ? one : two;
          await bus.subscribe(topic, listener);
          assert.equal(listener.calls[0], 'connected', 'connected comes before subscribe resolves');
        }
        await one.publish(topic, bytes('from one'));
        await two.publish(topic, bytes('from two'));
        for (const listener of listeners) {
          await listener.untilHeard('from one');
          await listener.untilHeard('from two');
          assert.equal(listener.messages.length, 2);
          assert.equal(listener.gaps, 0);
        }
      }),
    );
  });

  test('another topic is not heard', async () => {
    await subject.use(async (bus) => {
      const topic = newTopic();
      const [other, listener] = [new Recorder(subject), new Recorder(subject)];
      await bus.subscribe(`${topic}.other`, other);
      await bus.subscribe(topic, listener);
      await bus.publish(topic, bytes('1'));
      await listener.untilHeard('1');
      await bus.publish(`${topic}.other`, bytes('2'));
      await other.untilHeard('2');
      assert.deepEqual(texts(other.messages), ['2']);
      assert.deepEqual(texts(listener.messages), ['1']);
      await bus.publish(newTopic(), bytes('nobody listens'));
    });
  });

  test('payloads arrive as they were, from none to the largest, and belong to the listener', async () => {
    await subject.use(async (bus) => {
      const topic = newTopic();
      const [first, second] = [new Recorder(subject), new Recorder(subject)];
      await bus.subscribe(topic, first);
      await bus.subscribe(topic, second);
      const sizes = [0, 1, 255, 65_536, MAX_BUS_PAYLOAD_BYTES];
      for (const size of sizes) {
        const payload = pattern(size, size);
        await bus.publish(topic, payload);
        payload.fill(0);
      }
      for (const listener of [first, second]) {
        await listener.until(() => listener.messages.length === sizes.length, 'all payloads');
        for (const [index, size] of sizes.entries()) {
          sameBytes(listener.messages[index], pattern(size, size), `${size} octets`);
          listener.messages[index]!.fill(0xee);
        }
      }
    });
  });

  test('what is too large is refused or delivered', async () => {
    await subject.use(async (bus) => {
      const topic = newTopic();
      const listener = new Recorder(subject);
      await bus.subscribe(topic, listener);
      const tooLarge = new Uint8Array(MAX_BUS_PAYLOAD_BYTES * 8);
      await mayRejectWith(bus.publish(topic, tooLarge), 'invalid-argument', 'too-large');
      await bus.publish(topic, bytes('afterwards'));
      await listener.untilHeard('afterwards');
    });
  });

  test('a call that is cancelled before it begins rejects and has no effect', async () => {
    await subject.use(async (bus) => {
      const topic = newTopic();
      const listener = new Recorder(subject);
      await bus.subscribe(topic, listener);
      const signal = AbortSignal.abort();
      await rejectsWith(bus.publish(topic, bytes('cancelled'), { signal }), 'cancelled');
      const silent = new Recorder(subject);
      await rejectsWith(bus.subscribe(topic, silent, { signal }), 'cancelled');
      await bus.publish(topic, bytes('last'));
      await listener.untilHeard('last');
      assert.deepEqual(texts(listener.messages), ['last']);
      assert.equal(silent.messages.length, 0);
    });
  });
}

function listenerTests(test: TestApi['test'], subject: Subject<'bus'>): void {
  test('after closing, a subscription hears nothing; twice is no harm', async () => {
    await subject.use(async (bus) => {
      const topic = newTopic();
      const [closed, open] = [new Recorder(subject), new Recorder(subject)];
      const subscription = await bus.subscribe(topic, closed);
      await bus.subscribe(topic, open);
      await bus.publish(topic, bytes('1'));
      await Promise.all([closed.untilHeard('1'), open.untilHeard('1')]);
      await Promise.all([subscription.close(), subscription.close()]);
      await subscription.close();
      const heard = closed.calls.length;
      await bus.publish(topic, bytes('2'));
      await open.untilHeard('2');
      assert.equal(closed.calls.length, heard, 'a closed subscription heard something');
    });
  });

  test('a listener that throws harms neither the publisher nor other listeners', async () => {
    await subject.use(async (bus) => {
      const topic = newTopic();
      const thrower = new Recorder(subject);
      const throwing: BusListener = {
        message(payload) {
          thrower.message(payload);
          throw new Error('a listener failed');
        },
        gap: () => {
          throw new Error('a listener failed');
        },
        connected: () => {},
      };
      const listener = new Recorder(subject);
      await bus.subscribe(topic, throwing);
      await bus.subscribe(topic, listener);
      for (const text of ['1', '2', '3']) await bus.publish(topic, bytes(text));
      await Promise.all([listener.untilHeard('3'), thrower.untilHeard('3')]);
      assert.deepEqual(texts(listener.messages), ['1', '2', '3']);
      assert.deepEqual(texts(thrower.messages), ['1', '2', '3']);
    });
  });

  test('no listener is called while publish is being called', async () => {
    await subject.use(async (bus) => {
      const topic = newTopic();
      const listener = new Recorder(subject);
      let publishing = false;
      let nested = 0;
      const answering: BusListener = {
        message(payload) {
          assert.equal(publishing, false);
          if (publishing) nested += 1;
          listener.message(payload);
          if (Buffer.from(payload).toString() === 'question') void publish('answer');
        },
        gap() {},
        connected() {},
      };
      const publish = (text: string) => {
        publishing = true;
        const published = bus.publish(topic, bytes(text));
        publishing = false;
        return published;
      };
      await bus.subscribe(topic, answering);
      await publish('question');
      await listener.untilHeard('answer');
      assert.equal(nested, 0);
      assert.deepEqual(texts(listener.messages), ['question', 'answer']);
    });
  });
}

function orderTests(test: TestApi['test'], subject: Subject<'bus'>): void {
  test('the messages of each publisher arrive in order, each once, and none is lost in silence', async () => {
    await subject.use((one) =>
      subject.use(async (two) => {
        const publishers: Bus[] = [one, two];
        const plans = fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 3 });
        await fc.assert(
          fc.asyncProperty(plans, async (counts) => {
            const topic = newTopic();
            const listeners = [new Recorder(subject), new Recorder(subject)];
            const subscriptions = [
              await one.subscribe(topic, listeners[0]!),
              await two.subscribe(topic, listeners[1]!),
            ];
            await Promise.all(counts.map((count, id) => publishAll(publishers[id % 2]!, topic, id, count)));
            for (const listener of listeners) await checkOrder(listener, counts);
            await Promise.all(subscriptions.map((subscription) => subscription.close()));
          }),
          // Where messages are lost each further run would wait for them.
          { numRuns: 12, endOnFailure: true },
        );
      }),
    );
  });

  test('a flood arrives in order, or the listener is told of a gap', async () => {
    await subject.use(async (bus) => {
      const topic = newTopic();
      const listener = new Recorder(subject);
      await bus.subscribe(topic, listener);
      const total = 20_000;
      const sent = Array.from({ length: total }, (_, index) => bus.publish(topic, bytes(`0 ${index}`)));
      await Promise.all(sent.map((each) => mayRejectWith(each, 'unavailable', 'resource-exhausted')));
      await listener.until(() => listener.gaps > 0 || listener.messages.length === total, 'all messages, or a gap');
      checkAscending(texts(listener.messages));
      if (listener.gaps === 0) return;
      await listener.until(
        () => listener.calls.lastIndexOf('connected') > listener.calls.lastIndexOf('gap'),
        'connected',
      );
      await bus.publish(topic, bytes('0 99999999'));
      await listener.untilHeard('0 99999999');
    });
  });
}

async function publishAll(bus: Bus, topic: string, id: number, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const published = bus.publish(topic, bytes(`${id} ${index}`));
    if (index % 3 === 0 || index === count - 1) await published;
    else published.catch(() => {});
  }
}

/** All arrived, or a gap was told. */
async function checkOrder(listener: Recorder, counts: readonly number[]): Promise<void> {
  const total = counts.reduce((sum, count) => sum + count, 0);
  await listener.until(() => listener.gaps > 0 || listener.messages.length >= total, `${total} messages, or a gap`);
  const heard = texts(listener.messages);
  checkAscending(heard);
  if (listener.gaps === 0) assert.equal(heard.length, total);
}

function checkAscending(heard: readonly string[]): void {
  const last = new Map<string, number>();
  for (const text of heard) {
    const [id, index] = text.split(' ') as [string, string];
    assert.ok(Number(index) > (last.get(id) ?? -1), `publisher ${id}: ${index} after ${last.get(id)}`);
    last.set(id, Number(index));
  }
}
