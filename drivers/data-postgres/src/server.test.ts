import { describe, expect, it } from 'vitest';
import { checkServer } from './server.ts';

const good = {
  version: '150018',
  name: '15.18',
  standby: false,
  read_only: 'off',
  isolation: 'read committed',
  fsync: 'on',
  pages: 'on',
  synchronous: 'on',
};

/** What is checked and logged of a server that answers so. */
async function check(settings: Partial<typeof good>): Promise<string[]> {
  const lines: string[] = [];
  const log = (level: string) => (_: object, message: string) => lines.push(`${level}: ${message}`);
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const client = { query: async () => ({ rows: [{ ...good, ...settings }] }) };
  await checkServer(client as never, logger);
  return lines;
}

describe('checkServer', () => {
  it('takes a server as it is by default', async () => {
    expect(await check({})).toEqual([]);
  });

  it.each([
    [{ version: '140012', name: '14.12' }, 'unsupported-version', /14\.12.*15 or newer/],
    [{ standby: true }, 'unavailable', /standby.*"host" or "url"/],
    [{ read_only: 'on' }, 'invalid-configuration', /default_transaction_read_only/],
    [{ isolation: 'serializable' }, 'invalid-configuration', /default_transaction_isolation/],
  ])('refuses %o', async (settings, code, message) => {
    await expect(check(settings)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('warns where the server may lose what it acknowledged', async () => {
    expect(await check({ fsync: 'off' })).toEqual([expect.stringMatching(/^warn: .*fsync/)]);
    expect(await check({ pages: 'off' })).toEqual([expect.stringMatching(/^warn: .*full_page_writes/)]);
    expect(await check({ synchronous: 'off' })).toEqual([expect.stringMatching(/^info: synchronous_commit/)]);
  });
});
