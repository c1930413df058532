import { describe, expect, it } from 'vitest';
import { configSchema } from './config.ts';

const problems = (config: object): string[] =>
  configSchema.safeParse(config).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('the configuration', () => {
  it('needs a bucket alone', () => {
    expect(configSchema.parse({ bucket: 'mail' })).toEqual({
      bucket: 'mail',
      prefix: '',
      'part-size': 8 * 1024 * 1024,
      'parts-in-flight': 3,
      'upload-memory': 32 * 1024 * 1024,
      'max-connections': 128,
      'connect-timeout': 3000,
      'request-timeout': 10_000,
      'retry-deadline': 15_000,
      retries: 12,
    });
  });

  it.each([
    [{}, /^bucket: /],
    [{ bucket: 'mail', prefix: '/mail' }, /^prefix: expected characters/],
    [{ bucket: 'mail', endpoint: 's3.example.org' }, /^endpoint: /],
    [{ bucket: 'mail', endpoint: 'ftp://s3.example.org' }, /^endpoint: /],
    [{ bucket: 'mail', 'access-key': 'a' }, /^secret-key: an access key needs its secret key/],
    [{ bucket: 'mail', 'secret-key-file': 'a' }, /^access-key: a secret key needs/],
    [{ bucket: 'mail', 'access-key': 'a', 'access-key-file': 'a', 'secret-key': 'b' }, /^access-key-file: .*exclude/],
    [{ bucket: 'mail', 'kms-key-id': 'k' }, /^kms-key-id: needs "server-side-encryption"/],
    [{ bucket: 'mail', 'part-size': '1 MiB' }, /^part-size: expected at least 5 MiB and at most 1 GiB/],
    [{ bucket: 'mail', 'part-size': '8 apples' }, /^part-size: expected .*units: B, kB/],
    [{ bucket: 'mail', 'request-timeout': 'soon' }, /^request-timeout: expected .*such as "30s"/],
    [{ bucket: 'mail', 'part-size': '16 MiB', 'upload-memory': '8 MiB' }, /^upload-memory: less than "part-size"/],
    [{ bucket: 'mail', 'max-connections': 0 }, /^max-connections: /],
    [{ bucket: 'mail', buckets: 'x' }, /Unrecognized key/],
  ])('%j is refused', (config, expected) => {
    expect(problems(config).join('\n')).toMatch(expected);
  });
});
