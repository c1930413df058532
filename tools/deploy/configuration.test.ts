import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkConfiguration, root } from './stoa.ts';

const read = (path: string) => readFileSync(join(root, 'deploy', path), 'utf8');

/** Variables that a node of compose.yaml has: those of `x-environment`, then its own. `npm run check:deploy` asks Compose. */
function environmentOf(node: string): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const block of read('compose/compose.yaml').split(/\n(?=\S)/)) {
    if (!block.startsWith('x-environment:') && !block.startsWith(`x-node-${node}:`)) continue;
    for (const [, name = '', text = ''] of block.matchAll(/^ {2}(STOA_\w+): (.+)$/gm)) {
      environment[name] = text.replace(/^(['"])(.*)\1$/, '$2');
    }
  }
  return environment;
}

describe('configurations of deploy/', () => {
  it('that of the image is accepted', async () => {
    expect(await checkConfiguration(read('image/stoa.toml'), {})).toMatchObject({ node: '1' });
  });

  it('that of Compose is accepted for each node', async () => {
    for (const node of ['1', '2', '3']) {
      const environment = environmentOf(node);
      expect(environment['STOA_CLUSTER__SERVICES__COORDINATOR']).toBe(`["coordinator-${node}:2070"]`);
      expect(await checkConfiguration(read('compose/stoa.toml'), environment)).toMatchObject({
        node,
        drivers: { data: 'postgres', memory: 'redis', bus: 'nats' },
      });
    }
  });

  it('says what is wrong with one', async () => {
    await expect(checkConfiguration('[smpt]', {})).rejects.toThrow(/did you mean smtp/);
  });
});
