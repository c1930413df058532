import { StoaError } from '@stoa/plugin-sdk';

type Part<Name extends string, Head> = { $case: Name; value: Head } | { $case: 'data'; value: Uint8Array } | undefined;

/**
 * Splits a stream whose first message is a head and whose others carry data. `end` is to be called when no more data are
 * wanted.
 */
export async function splitHead<Name extends string, Head>(
  requests: AsyncIterable<{ part?: Part<Name, Head> }>,
  name: Name,
): Promise<{ head: Head; data: AsyncIterable<Uint8Array>; end(): Promise<void> }> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const part = first.done === true ? undefined : first.value.part;
  if (part === undefined || part.$case !== name) {
    await iterator.return?.();
    throw new StoaError('invalid-argument', `the first message must be the ${name}`);
  }
  // No generator: the parts of a message pass here one by one, and each of its steps would be two more turns of the event loop.
  const data: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => data,
    async next() {
      const next = await iterator.next();
      if (next.done === true) return { done: true, value: undefined };
      const chunk = next.value.part;
      if (chunk?.$case !== 'data') throw new StoaError('invalid-argument', 'only data may follow the first message');
      return { done: false, value: chunk.value as Uint8Array };
    },
  };
  return {
    head: part.value as Head,
    data,
    end: async () => {
      await iterator.return?.();
    },
  };
}
