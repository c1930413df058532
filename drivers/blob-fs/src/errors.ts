import { isStoaError, StoaError } from '@stoa/plugin-sdk';
import { isErrno } from './files.ts';

/** An error of the file system as a StoaError. */
export function fromFileSystem(error: unknown): StoaError {
  if (isStoaError(error)) return error;
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) {
    return new StoaError('storage-full', 'the disk of the blob store is full', { cause: error });
  }
  if (isErrno(error, 'EMFILE', 'ENFILE')) {
    return new StoaError('unavailable', 'too many files are open', { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new StoaError('unavailable', `the blob store failed: ${message}`, { cause: error });
}
