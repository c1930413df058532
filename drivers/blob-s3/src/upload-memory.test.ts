import { describe, expect, it } from 'vitest';
import { UploadMemory } from './upload-memory.ts';

describe('the memory of uploads', () => {
  it('lets in what fits, and the others in the order they came', async () => {
    const memory = new UploadMemory(100);
    const order: string[] = [];
    const take = async (name: string, octets: number) => {
      await memory.take(octets);
      order.push(name);
    };
    await take('a', 60);
    const waiting = [take('b', 50), take('c', 10)];
    // It would fit, but others wait.
    expect(memory.tryTake(10)).toBe(false);
    memory.give(60);
    await Promise.all(waiting);
    expect(order).toEqual(['a', 'b', 'c']);
    expect(memory.tryTake(40)).toBe(true);
    expect(memory.tryTake(1)).toBe(false);
  });

  it('gives all of it to what is larger', async () => {
    const memory = new UploadMemory(100);
    await memory.take(1000);
    expect(memory.tryTake(1)).toBe(false);
    memory.give(1000);
    expect(memory.tryTake(100)).toBe(true);
  });

  it('rejects who no longer wants to wait, and lets in those behind', async () => {
    const memory = new UploadMemory(100);
    await memory.take(50);
    const controller = new AbortController();
    const gone = memory.take(80, controller.signal);
    const behind = memory.take(50);
    controller.abort(new Error('no longer'));
    await expect(gone).rejects.toThrow('no longer');
    await behind;
  });
});
