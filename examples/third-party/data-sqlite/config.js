// @ts-check
/** @typedef {{ path: string }} Config */

const DEFAULTS = { path: 'stoa.sqlite' };

/**
 * Standard Schema by hand; zod, valibot and arktype make one too.
 * @type {import('@stoa/plugin-sdk').ConfigSchema<Config>}
 */
export const configSchema = {
  '~standard': {
    version: 1,
    vendor: 'stoa-data-sqlite',
    validate(value) {
      if (typeof value !== 'object' || value === null) return { issues: [{ message: 'expected a table' }] };
      const { path, ...others } = /** @type {Record<string, unknown>} */ ({ ...DEFAULTS, ...value });
      const issues = Object.keys(others).map((key) => ({ message: 'no such key', path: [key] }));
      if (typeof path === 'string' && path !== '' && issues.length === 0) return { value: { path } };
      if (typeof path !== 'string' || path === '')
        issues.push({ message: 'expected the name of a file', path: ['path'] });
      return { issues };
    },
  },
};
