import { type ErrorCode, isStoaError, StoaError } from '@stoa/plugin-sdk';

/** What an error of a request means. */
export interface Failure {
  code: ErrorCode;
  /** The same request may succeed soon. */
  retry: boolean;
}

/** The parts of an error of the SDK, or of node's network modules, that are looked at. */
interface RawError {
  name?: string;
  code?: unknown;
  message?: string;
  $metadata?: { httpStatusCode?: number };
  $response?: { statusCode?: number; headers?: Record<string, string> };
}

const retry: Failure = { code: 'unavailable', retry: true };
/** An operator's matter, not the caller's: the call may be made again later, but not at once. */
const wait: Failure = { code: 'unavailable', retry: false };
const full: Failure = { code: 'storage-full', retry: false };

const BY_NAME: Readonly<Record<string, Failure>> = {
  NoSuchKey: { code: 'not-found', retry: false },
  NoSuchUpload: { code: 'not-found', retry: false },
  InvalidRange: { code: 'out-of-range', retry: false },
  PreconditionFailed: { code: 'already-exists', retry: false },
  ConditionalRequestConflict: { code: 'conflict', retry: true },
  OperationAborted: { code: 'conflict', retry: true },
  EntityTooLarge: { code: 'too-large', retry: false },
  NotImplemented: { code: 'unimplemented', retry: false },
  MethodNotAllowed: { code: 'unimplemented', retry: false },
  QuotaExceeded: full,
  InsufficientStorage: full,
  XMinioStorageFull: full,
  XMinioAdminBucketQuotaExceeded: full,
  SlowDown: retry,
  SlowDownRead: retry,
  SlowDownWrite: retry,
  Throttling: retry,
  ThrottlingException: retry,
  RequestLimitExceeded: retry,
  TooManyRequests: retry,
  ServiceUnavailable: retry,
  InternalError: retry,
  RequestTimeout: retry,
  TimeoutError: retry,
  // The SDK has learnt the server's time from the answer.
  RequestTimeTooSkewed: retry,
  ExpiredToken: retry,
  NoSuchBucket: wait,
  AccessDenied: wait,
  InvalidAccessKeyId: wait,
  SignatureDoesNotMatch: wait,
  // With status 404, from versitygw, for a key that it does not know.
  XAdminUserNotFound: wait,
  CredentialsProviderError: wait,
};

const BY_STATUS: Readonly<Record<number, Failure>> = {
  404: { code: 'not-found', retry: false },
  408: retry,
  409: { code: 'conflict', retry: true },
  412: { code: 'already-exists', retry: false },
  413: { code: 'too-large', retry: false },
  416: { code: 'out-of-range', retry: false },
  429: retry,
  405: { code: 'unimplemented', retry: false },
  501: { code: 'unimplemented', retry: false },
  507: full,
};

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EMFILE',
  'ENOBUFS',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_SSL_WRONG_VERSION_NUMBER',
]);

function statusOf(error: RawError): number | undefined {
  return error.$metadata?.httpStatusCode ?? error.$response?.statusCode;
}

/** What the SDK calls an error of which the answer gave no name. */
const ANONYMOUS = new Set(['', 'Error', 'Unknown', 'UnknownError', 'NotFound']);

/** The name that S3 gave an error, or node's code of it; for messages. */
export function nameOf(error: unknown): string {
  const { name, code, $metadata } = (error ?? {}) as RawError;
  if (typeof code === 'string') return code;
  const status = $metadata?.httpStatusCode;
  if (name !== undefined && !ANONYMOUS.has(name)) return status === undefined ? name : `${name}, HTTP ${status}`;
  return status === undefined ? 'no answer' : `HTTP ${status}`;
}

export function classify(error: unknown): Failure {
  if (isStoaError(error)) return { code: error.code, retry: error.code === 'unavailable' && error.retryable };
  const raw = (error ?? {}) as RawError;
  const named = BY_NAME[raw.name ?? ''];
  if (named !== undefined) return named;
  const status = statusOf(raw);
  // A named 404 is about something else than the object.
  if (status === 404 && !ANONYMOUS.has(raw.name ?? '')) return wait;
  if (status !== undefined && status >= 300) {
    return BY_STATUS[status] ?? (status >= 500 ? retry : wait);
  }
  if (typeof raw.code === 'string') return NETWORK.has(raw.code) ? retry : wait;
  // An answer that ended early or is no XML comes with a status of success or without any.
  return retry;
}

/** An error of a request as a StoaError. */
export function fromS3(error: unknown): StoaError {
  if (isStoaError(error)) return error;
  const { code } = classify(error);
  const message = code === 'storage-full' ? 'the S3 server has no space left' : `S3 failed: ${nameOf(error)}`;
  return new StoaError(code, message, { cause: error });
}

const ACCESS = new Set(['AccessDenied', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'XAdminUserNotFound']);

export interface StartHints {
  bucket: string;
  /** Where the requests go: the URL of the server, or AWS and its region. */
  place: string;
}

/** An error of the requests at the start: with what to change in the configuration. */
export function fromStart(error: unknown, { bucket, place }: StartHints): StoaError {
  const cause = isStoaError(error) ? (error.cause ?? error) : error;
  const raw = cause as RawError;
  const status = statusOf(raw);
  const name = nameOf(cause);
  const refuse = (message: string) => new StoaError('invalid-configuration', message, { cause });
  const region = raw.$response?.headers?.['x-amz-bucket-region'];
  if (raw.name === 'CredentialsProviderError')
    return refuse('no credentials for S3 were found; set "access-key" and "secret-key"');
  if (/region is missing/i.test(raw.message ?? ''))
    return refuse('the region of the bucket is not known; set "region"');
  if (
    status === 301 ||
    status === 307 ||
    raw.name === 'AuthorizationHeaderMalformed' ||
    raw.name === 'PermanentRedirect'
  )
    return refuse(
      `the bucket "${bucket}" is in another region than ${place}; set "region"${region === undefined ? '' : ` to "${region}"`}`,
    );
  if (raw.name === 'RequestTimeTooSkewed')
    return refuse(`the clock of this machine differs too much from that of ${place}; set the clock`);
  if (status === 401 || status === 403 || ACCESS.has(raw.name ?? ''))
    return refuse(
      `${place} refuses the access to the bucket "${bucket}" (${name}); check "access-key", "secret-key" and the key's permissions`,
    );
  if (raw.name === 'NoSuchBucket' || status === 404)
    return refuse(`there is no bucket "${bucket}" at ${place}; create it, or set "bucket" or "endpoint"`);
  if (status === 400)
    return refuse(
      `${place} refuses a request for the bucket "${bucket}" (${name}); check "region", "bucket" and the keys`,
    );
  if (/^(?:ERR_TLS|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|ERR_SSL|EPROTO)/.test(String(raw.code ?? '')))
    return refuse(`TLS with ${place} failed (${name}); check "endpoint", and set "tls-ca-file" for an own authority`);
  const known = fromS3(error);
  if (known.code !== 'unavailable') return known;
  return new StoaError('unavailable', `${place} does not answer (${name}); check "endpoint" and the network`, {
    cause,
  });
}
