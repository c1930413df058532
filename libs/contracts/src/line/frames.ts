import { StoaError, toStoaError } from '@stoa/plugin-sdk';
import { errorOf, wordsOf } from '../error-status.ts';
import type { Failure, Frame } from '../gen/stoa/rpc/v1/line.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import type { MessageType } from '../rpc.ts';

export const LINE_VERSION = 1;

/** Octets that either side may send on a call before it hears more. */
export const INITIAL_CREDIT = 262_144;

/** What a message takes of the credit beside its octets, so that many small ones count too. */
const MESSAGE_COST = 32;

export function costOf(message: Uint8Array): number {
  return message.length + MESSAGE_COST;
}

/** A frame with what is given, and nothing else in it. */
export function frameOf(call: number, said: Partial<Frame>): Frame {
  return { call, start: undefined, messages: [], end: false, failure: undefined, credit: 0, cancel: false, ...said };
}

/** Throws a StoaError when the message is larger than any may be. */
export function serialised(type: MessageType<unknown>, message: unknown): Uint8Array {
  const octets = type.encode(message).finish();
  if (octets.length <= MAX_MESSAGE_BYTES) return octets;
  throw new StoaError('resource-exhausted', `a message of ${octets.length} octets; the limit is ${MAX_MESSAGE_BYTES}`);
}

/** Throws a StoaError when the octets are no such message. */
export function deserialised(type: MessageType<unknown>, octets: Uint8Array): unknown {
  try {
    return type.decode(octets);
  } catch (error) {
    throw new StoaError('internal', 'a message of the other side cannot be read', { cause: error });
  }
}

/** What crosses of an error: neither its cause, nor the words of one that is no StoaError. */
export function failureOf(error: unknown): Failure {
  const { code, retryable } = toStoaError(error);
  return { code, retryable, message: wordsOf(error) };
}

export function errorOfFailure({ code, retryable, message }: Failure): StoaError {
  return errorOf(code, message, retryable);
}
