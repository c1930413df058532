import { afterEach, describe, expect, it, vi } from 'vitest';
import { command, MissingTool, runSteps } from './step.ts';

const steps = [
  { name: 'good', run() {} },
  {
    name: 'bad',
    run() {
      throw new Error('it is wrong');
    },
  },
  {
    name: 'without its tool',
    async run() {
      throw new MissingTool('helm is missing');
    },
  },
  { name: 'after them', run() {} },
];

let said = '';
const listen = () =>
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
afterEach(() => {
  said = '';
  vi.restoreAllMocks();
});

describe('steps of a check', () => {
  it('all run; a missing tool is named and does not fail on a desk', async () => {
    listen();
    expect(await runSteps(steps, false)).toBe(1);
    expect(said).toMatch(
      /^ok {4}good .*\nFAIL {2}bad .*\nit is wrong\nleft {2}without its tool .*\nhelm is missing\nok {4}after them/,
    );
  });

  it('a missing tool fails in CI', async () => {
    listen();
    expect(await runSteps(steps, true)).toBe(2);
  });

  it('a program that fails says all that it said', () => {
    expect(command(process.execPath, ['-p', '1 + 1'])).toBe('2\n');
    expect(() => command(process.execPath, ['-e', 'console.error("the cause"); process.exit(3)'])).toThrow(
      /failed \(3\):\nthe cause/,
    );
    expect(() => command('/nowhere/program', [])).toThrow(/ENOENT/);
  });
});
