import { execFile } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createLogger } from './create-logger.ts';
import { LogOutput } from './log-output.ts';

describe('lines of the log', () => {
  const open = () => {
    const written: string[] = [];
    const output = new LogOutput((text) => written.push(text));
    return { written, output, logger: createLogger({ level: 'info', nodeId: 'n1', destination: output }) };
  };

  it('of one turn are one write', async () => {
    const { written, output } = open();
    for (let i = 0; i < 100; i++) output.write(`line ${i}\n`);
    await Promise.resolve();
    expect(written).toEqual([]);
    await turn();
    expect(written).toHaveLength(1);
    expect(written[0]?.split('\n')).toHaveLength(101);
    output.write('next\n');
    await turn();
    expect(written.slice(1)).toEqual(['next\n']);
  });

  it('never wait in any number', () => {
    const { written, output } = open();
    for (let i = 0; i < 1000; i++) output.write(`${'x'.repeat(99)}\n`);
    expect(written.join('')).toHaveLength(98_400);
    expect(written.every((text) => text.length < 20_000)).toBe(true);
  });

  it('are written with an error at once, in order', () => {
    const { written, logger } = open();
    logger.info({}, 'one');
    expect(written).toEqual([]);
    logger.error({}, 'two');
    expect(
      written
        .join('')
        .split('\n')
        .map((line) => line && JSON.parse(line).msg),
    ).toEqual(['one', 'two', '']);
  });

  it.each([
    ['a process that ends', ''],
    ['a process that ends itself', 'process.exit(0);'],
    ['an error that nobody caught', 'throw new Error("uncaught");'],
    ['a rejection that nobody caught', 'Promise.reject(new Error("uncaught"));'],
  ])('are all there after %s', async (_how, end) => {
    const script = `import { createLogger } from ${JSON.stringify(new URL('./create-logger.ts', import.meta.url).href)};
      const logger = createLogger({ level: 'info', nodeId: 'n1' });
      for (let i = 0; i < 500; i++) logger.info({ i }, 'line');
      ${end}`;
    const args = ['--conditions=stoa-source', '--input-type=module-typescript', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args).catch((error) => error as { stdout: string });
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).i)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });
});
