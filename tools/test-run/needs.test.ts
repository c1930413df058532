import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testsWithout } from './needs.ts';

const root = resolve(import.meta.dirname, '../..');
const without = (name: string) => testsWithout(root, ['drivers/*/src/**/*.test.ts'], (each) => each === name);

describe('test files whose server is missing', () => {
  it.each([
    ['postgres', 'drivers/data-postgres/src/conformance.test.ts'],
    ['pgbouncer', 'drivers/data-postgres/src/pgbouncer.test.ts'],
    ['nats', 'drivers/bus-nats/src/start.test.ts'],
    ['redis', 'drivers/memory-redis/src/failover.test.ts'],
    ['s3', 'drivers/blob-s3/src/faults.test.ts'],
  ])('%s: among them %s', (name, file) => {
    expect(without(name).get(file)).toEqual([name]);
  });

  it('are not those that need none, or another', () => {
    const files = [...without('nats').keys()];
    expect(files.filter((file) => !file.startsWith('drivers/bus-nats/'))).toEqual([]);
    expect(files).not.toContain('drivers/bus-nats/src/address.test.ts');
  });
});
