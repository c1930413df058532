import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { classify, fromS3, fromStart } from './errors.ts';

/** As the SDK throws them. */
function s3Error(name: string, status?: number, headers?: Record<string, string>): Error {
  return Object.assign(new Error('as the server says'), {
    name,
    $metadata: status === undefined ? {} : { httpStatusCode: status },
    $response: status === undefined ? undefined : { statusCode: status, headers },
  });
}

function networkError(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code });
}

describe('an error of a request', () => {
  it.each([
    ['SlowDown', 503, 'unavailable', true],
    ['ServiceUnavailable', 503, 'unavailable', true],
    ['InternalError', 500, 'unavailable', true],
    // The last step of a multipart upload fails with 200 and an error in the body.
    ['InternalError', 200, 'unavailable', true],
    ['Unknown', 502, 'unavailable', true],
    ['Unknown', 429, 'unavailable', true],
    ['RequestTimeout', 400, 'unavailable', true],
    ['RequestTimeTooSkewed', 403, 'unavailable', true],
    ['SyntaxError', undefined, 'unavailable', true],
    ['ConditionalRequestConflict', 409, 'conflict', true],
    ['AccessDenied', 403, 'unavailable', false],
    ['NoSuchBucket', 404, 'unavailable', false],
    ['InvalidArgument', 400, 'unavailable', false],
    ['NoSuchKey', 404, 'not-found', false],
    ['NoSuchUpload', 404, 'not-found', false],
    ['NotFound', 404, 'not-found', false],
    ['XAdminUserNotFound', 404, 'unavailable', false],
    ['NoSuchWebsiteConfiguration', 404, 'unavailable', false],
    ['InvalidRange', 416, 'out-of-range', false],
    ['PreconditionFailed', 412, 'already-exists', false],
    ['EntityTooLarge', 400, 'too-large', false],
    ['NotImplemented', 501, 'unimplemented', false],
    ['Unknown', 405, 'unimplemented', false],
    ['QuotaExceeded', 403, 'storage-full', false],
    ['XMinioStorageFull', 507, 'storage-full', false],
    ['Unknown', 507, 'storage-full', false],
  ])('%s, HTTP %s, is %s', (name, status, code, retry) => {
    const error = s3Error(name, status);
    expect(classify(error)).toEqual({ code, retry });
    expect(fromS3(error)).toMatchObject({ code, cause: error });
  });

  it.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])(
    '%s is tried again',
    (code) => {
      expect(classify(networkError(code))).toEqual({ code: 'unavailable', retry: true });
    },
  );

  it('a certificate that is not trusted is not tried again', () => {
    expect(classify(networkError('SELF_SIGNED_CERT_IN_CHAIN'))).toEqual({ code: 'unavailable', retry: false });
  });

  it('that is a StoaError already stays one', () => {
    const error = new StoaError('storage-full', 'full');
    expect(fromS3(error)).toBe(error);
  });
});

describe('an error at the start', () => {
  const hints = { bucket: 'mail', place: 'https://s3.example.org' };
  const start = (error: unknown) => fromStart(fromS3(error), hints);

  it.each([
    [
      s3Error('NotFound', 404),
      'there is no bucket "mail" at https://s3.example.org; create it, or set "bucket" or "endpoint"',
    ],
    [s3Error('Unknown', 301, { 'x-amz-bucket-region': 'eu-west-1' }), 'set "region" to "eu-west-1"'],
    [s3Error('AuthorizationHeaderMalformed', 400), 'set "region"'],
    [s3Error('SignatureDoesNotMatch', 403), 'check "access-key", "secret-key"'],
    [s3Error('CredentialsProviderError'), 'set "access-key" and "secret-key"'],
    [new Error('Region is missing'), 'set "region"'],
    [s3Error('RequestTimeTooSkewed', 403), 'set the clock'],
    [s3Error('InvalidBucketName', 400), 'check "region", "bucket" and the keys'],
    [networkError('DEPTH_ZERO_SELF_SIGNED_CERT'), 'set "tls-ca-file"'],
  ])('%s says what to change', (error, words) => {
    expect(start(error)).toMatchObject({ code: 'invalid-configuration', message: expect.stringContaining(words) });
  });

  it.each([networkError('ECONNREFUSED'), s3Error('SlowDown', 503)])('%s is no matter of the configuration', (error) => {
    expect(start(error)).toMatchObject({ code: 'unavailable', message: expect.stringContaining('does not answer') });
  });

  it('of a full server stays that', () => {
    expect(start(s3Error('Unknown', 507)).code).toBe('storage-full');
  });
});
