import { Metadata, status } from '@grpc/grpc-js';
import { type ErrorCode, StoaError } from '@stoa/plugin-sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromCallStatus, fromStatus, toStatus } from './error-status.ts';

const CODES: ErrorCode[] = [
  'cancelled',
  'invalid-argument',
  'deadline-exceeded',
  'not-found',
  'conflict',
  'internal',
  'unavailable',
  'over-quota',
  'rate-limited',
  'too-large',
  'limit-exceeded',
  'storage-full',
  'unsupported-version',
  'invalid-configuration',
];

describe('an error that crosses the wire', () => {
  it('keeps code, retryability and message, and loses its cause', () => {
    fc.assert(
      fc.property(fc.constantFrom(...CODES), fc.boolean(), fc.string({ minLength: 1 }), (code, retryable, message) => {
        const sent = toStatus(new StoaError(code, message, { retryable, cause: new Error('inner secret') }));
        expect(JSON.stringify(sent)).not.toContain('inner secret');
        expect(fromStatus(sent)).toMatchObject({ name: 'StoaError', code, retryable, message });
      }),
    );
  });

  it('says nothing of what a bug threw', () => {
    for (const thrown of [new TypeError('secret'), 'secret', undefined, { secret: 1 }]) {
      const sent = toStatus(thrown);
      expect(sent.details).toBe('internal error');
      expect(fromStatus(sent)).toMatchObject({ code: 'internal', retryable: false });
    }
  });
});

describe('a status of a stranger', () => {
  it.each([
    [status.UNAVAILABLE, 'unavailable', true],
    [status.DEADLINE_EXCEEDED, 'deadline-exceeded', true],
    [status.RESOURCE_EXHAUSTED, 'resource-exhausted', true],
    [status.ABORTED, 'conflict', true],
    [status.UNAUTHENTICATED, 'unauthenticated', false],
    [status.UNKNOWN, 'internal', false],
    [99, 'internal', false],
  ] as const)('%i means %s', (code, expected, retryable) => {
    const error = fromStatus({ code, details: 'd', metadata: new Metadata() });
    expect(error).toMatchObject({ code: expected, retryable, message: 'd' });
  });

  it('falls back to the status when the code is of a later version', () => {
    const metadata = new Metadata();
    metadata.set('stoa-code', 'invented-later');
    metadata.set('stoa-retryable', 'true');
    const error = fromStatus({ code: status.FAILED_PRECONDITION, details: 'd', metadata });
    expect(error).toMatchObject({ code: 'failed-precondition', retryable: true });
  });
});

describe('the end of a call', () => {
  const cancelled = { code: status.CANCELLED, details: 'd', metadata: new Metadata() };

  it('is unavailability when nobody here gave up', () => {
    expect(fromCallStatus(cancelled, undefined, 'host:1')).toMatchObject({ code: 'unavailable', retryable: true });
    expect(fromCallStatus(cancelled, AbortSignal.abort(), 'host:1')).toMatchObject({ code: 'cancelled' });
  });

  it('is what the implementation, or the source of requests, says', () => {
    expect(fromCallStatus(toStatus(new StoaError('cancelled', 'x')), undefined, 'host:1')).toMatchObject({
      code: 'cancelled',
    });
    expect(fromCallStatus(new StoaError('cancelled', 'x'), undefined, 'host:1')).toMatchObject({ code: 'cancelled' });
  });

  it('names the peer that cannot be connected to, and where to look when TLS is the reason', () => {
    const failed = (details: string) => {
      const error = { code: status.UNAVAILABLE, details, metadata: new Metadata() };
      return fromCallStatus(error, undefined, 'host:1');
    };
    const because = (reason: string) => `No connection established. Last error: ${reason}. Resolution note: `;
    expect(failed(because('Error: connect ECONNREFUSED'))).toMatchObject({
      code: 'unavailable',
      retryable: true,
      message: 'cannot connect to host:1: connect ECONNREFUSED',
    });
    expect(failed(because('Error: certificate signature failure')).message).toMatch(
      /^cannot connect to host:1: certificate signature failure; .*"ca", "cert" and "key"/,
    );
    expect(failed(because('null')).message).toBe('cannot connect to host:1: no answer yet');
    expect(failed('No connection established').message).toBe('cannot connect to host:1: no answer yet');
    expect(failed('the store is away').message).toBe('the store is away');
  });
});
