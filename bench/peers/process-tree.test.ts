import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { cpuOf, memoryOf, processTree, runTimeOf, writtenBy } from './process-tree.ts';

describe.skipIf(process.platform !== 'linux')('the processes of a server', () => {
  it('are the first and all that descend from it', async () => {
    const shell = spawn('sh', ['-c', 'sleep 60 & echo; wait'], { detached: true });
    try {
      await once(shell.stdout, 'data');
      const tree = processTree(shell.pid as number);
      expect(tree).toHaveLength(2);
      expect(tree[0]).toBe(shell.pid);
      expect(processTree(process.pid)).toEqual(expect.arrayContaining(tree));
      expect(memoryOf(tree)).toBeGreaterThan(memoryOf([shell.pid as number]));
    } finally {
      process.kill(-(shell.pid as number), 'SIGKILL');
    }
  });

  it('count for nothing when they have ended', async () => {
    const child = spawn('true');
    const pid = child.pid as number;
    await once(child, 'exit');
    for (const of of [memoryOf, cpuOf, runTimeOf, writtenBy]) {
      expect(of([pid])).toBe(0);
      expect(of([process.pid, pid])).toBeGreaterThanOrEqual(0);
    }
    expect(cpuOf([process.pid])).toBeGreaterThan(0);
  });
});
