import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import type { Config } from './config.ts';
import type { Requests } from './requests.ts';
import type { UploadMemory } from './upload-memory.ts';

/** What the server behind the bucket can; found out at the start. */
export interface Features {
  /** `If-None-Match: *` keeps PutObject from replacing an object, whoever else puts it at the time. */
  conditionalPut: boolean;
  /** The same for CompleteMultipartUpload. */
  conditionalComplete: boolean;
  /** DeleteObjects. */
  batchDelete: boolean;
}

/** The place of the blobs, and how objects are made in it. */
export interface Bucket {
  readonly name: string;
  readonly prefix: string;
  readonly requests: Requests;
  readonly features: Features;
  readonly partSize: number;
  readonly partsInFlight: number;
  readonly uploadMemory: UploadMemory;
  /** Uploads in parts declare the checksums of the parts, and the server keeps them. */
  readonly partChecksums: boolean;
  /** Encryption and storage class. */
  readonly objectOptions: ObjectOptions;
  /** Rejects with `unavailable` when the bucket does not answer. */
  check(): Promise<void>;
}

export type ObjectOptions = Pick<PutObjectCommandInput, 'ServerSideEncryption' | 'SSEKMSKeyId' | 'StorageClass'>;

export function objectOptions(config: Config): ObjectOptions {
  const options: ObjectOptions = {};
  if (config['server-side-encryption'] !== undefined) options.ServerSideEncryption = config['server-side-encryption'];
  if (config['kms-key-id'] !== undefined) options.SSEKMSKeyId = config['kms-key-id'];
  if (config['storage-class'] !== undefined)
    options.StorageClass = config['storage-class'] as NonNullable<ObjectOptions['StorageClass']>;
  return options;
}
