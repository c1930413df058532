import { byteSize, duration } from '@stoa/config-values';
import { z } from 'zod';

const prefixPattern = /^$|^(?!\/)[0-9a-zA-Z/_.-]+$/;

export const configSchema = z
  .strictObject({
    bucket: z.string().min(1).max(255).describe('The bucket; it must exist.'),
    prefix: z
      .string()
      .max(256)
      .regex(prefixPattern, 'expected characters of [0-9a-zA-Z/_.-], no "/" at the start')
      .default('')
      .describe('Begin of every key in the bucket, such as "mail/". Stores with different prefixes share a bucket.'),
    region: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Region of the bucket. Without it that of the environment (AWS_REGION, ~/.aws/config), with "endpoint" us-east-1.',
      ),
    endpoint: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('URL of the server where it is not AWS, such as "https://s3.example.org:7070".'),
    'path-style': z
      .boolean()
      .optional()
      .describe(
        'The bucket in the path (true) or in the host name (false) of a request. True by default with "endpoint".',
      ),
    'access-key': z
      .string()
      .min(1)
      .optional()
      .describe(
        'Id of the access key. Without any key the SDK looks in the environment, ~/.aws and the machine’s role.',
      ),
    'access-key-file': z.string().min(1).optional().describe('File whose first line is the id of the access key.'),
    'secret-key': z.string().min(1).optional().describe('The secret of the access key.'),
    'secret-key-file': z
      .string()
      .min(1)
      .optional()
      .describe('File whose first line is the secret of the access key. Relative paths start at the data directory.'),
    'server-side-encryption': z
      .enum(['AES256', 'aws:kms', 'aws:kms:dsse'])
      .optional()
      .describe('Encryption that is asked for with each blob. Without it that of the bucket.'),
    'kms-key-id': z.string().min(1).optional().describe('Key for "aws:kms". Without it the account’s own.'),
    'storage-class': z.string().min(1).optional().describe('Storage class of new blobs, such as "STANDARD_IA".'),
    'part-size': byteSize('5 MiB', '1 GiB')
      .prefault('8 MiB')
      .describe('A blob up to this size is one request; a larger one is uploaded in parts of it. 5 MiB to 1 GiB.'),
    'parts-in-flight': z
      .int()
      .min(1)
      .max(64)
      .default(3)
      .describe('Parts of one blob held in memory at a time: being filled or uploaded.'),
    'upload-memory': byteSize('8 MiB', '64 GiB')
      .prefault('32 MiB')
      .describe('Memory of all uploads together; when it is used up, further ones wait. At least part-size.'),
    'max-connections': z
      .int()
      .min(1)
      .max(10_000)
      .default(128)
      .describe('Requests under way at a time; beside them, as many blobs being read.'),
    'connect-timeout': duration('10ms', '10m').prefault('3s').describe('Longest time to connect.'),
    'request-timeout': duration('10ms', '1h')
      .prefault('10s')
      .describe('Longest wait for an answer, or for the next octets of a blob. A body gets a second more per 256 KiB.'),
    'retry-deadline': duration('10ms', '1h')
      .prefault('15s')
      .describe('Longest time of a request with its retries; after it a call fails as "unavailable".'),
    retries: z.int().min(0).max(1000).default(12).describe('Retries of a request, within the deadline.'),
    'tls-ca-file': z
      .string()
      .min(1)
      .optional()
      .describe('PEM file with authorities to trust beside the public ones. Relative to the data directory.'),
    checksum: z
      .enum(['WHEN_REQUIRED', 'WHEN_SUPPORTED'])
      .optional()
      .describe(
        'CRC checksums in requests and answers: always, or where S3 demands them. By default WHEN_SUPPORTED for AWS, ' +
          'WHEN_REQUIRED with "endpoint", since many servers do not know them.',
      ),
  })
  .check((context) => {
    const given = (name: 'access-key' | 'secret-key') =>
      [context.value[name], context.value[`${name}-file`]].filter((each) => each !== undefined).length;
    const refuse = (key: string, message: string) =>
      context.issues.push({ code: 'custom', input: context.value, path: [key], message });
    for (const name of ['access-key', 'secret-key'] as const) {
      if (given(name) > 1) refuse(`${name}-file`, `"${name}" and "${name}-file" exclude each other`);
    }
    if (given('access-key') > given('secret-key')) refuse('secret-key', 'an access key needs its secret key');
    if (given('access-key') < given('secret-key')) refuse('access-key', 'a secret key needs the id of its access key');
    if (context.value['upload-memory'] < context.value['part-size']) refuse('upload-memory', 'less than "part-size"');
    const encryption = context.value['server-side-encryption'];
    if (context.value['kms-key-id'] !== undefined && !encryption?.startsWith('aws:kms'))
      refuse('kms-key-id', 'needs "server-side-encryption" to be "aws:kms" or "aws:kms:dsse"');
  });

export type Config = z.output<typeof configSchema>;
