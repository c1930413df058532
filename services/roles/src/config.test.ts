import { describe, expect, it } from 'vitest';
import { rolesConfig } from './config.ts';

const problems = (config: object) => rolesConfig.safeParse(config).error?.issues.map(({ message }) => message);

describe('the configuration of roles', () => {
  it('reads groups of nodes', () => {
    const config = rolesConfig.parse({ purge: { stores: ['1,4', ' 2 , 3'], accounts: ['1'] } });
    expect(config.purge).toEqual({
      stores: [
        ['1', '4'],
        ['2', '3'],
      ],
      accounts: [['1']],
    });
    expect(config.schedule['fts-indexing']).toEqual({ enabled: true, interval: 300_000, jitter: 0.1 });
  });

  it.each([
    [{ purge: { stores: ['1,,4'] } }, 'expected node ids separated by commas'],
    [{ purge: { stores: [''] } }, 'expected node ids separated by commas'],
    [{ purge: { stores: ['1 4'] } }, '"1 4" is none'],
    [{ purge: { stores: ['1,4,1'] } }, 'the node "1" is named twice'],
    [{ purge: { stores: [] } }, 'at least one group'],
    [{ schedule: { 'purge-stores': { interval: '1ms' } } }, 'at least "1s"'],
    [{ schedule: { 'purge-stores': { jitter: 2 } } }, '0.5'],
    [{ 'lease-time': '1ms' }, 'at least "500ms"'],
    [{ acme: {} }, 'acme'],
  ])('refuses %j', (config, message) => {
    expect(problems(config)?.join()).toContain(message);
  });
});
