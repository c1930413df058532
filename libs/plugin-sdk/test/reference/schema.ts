import type { ConfigSchema } from '../../src/index.ts';

/** Takes any object. Written by hand, as a driver may that wants no library for it. */
export const anyObject: ConfigSchema<{ name: string }> = {
  '~standard': {
    version: 1,
    vendor: 'stoa-test',
    validate: (value) =>
      typeof value === 'object' && value !== null
        ? { value: value as { name: string } }
        : { issues: [{ message: 'expected an object' }] },
  },
};

export const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
