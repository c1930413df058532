import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { type WatchOptions, watchView } from './watch.ts';

/** Watches three looks, the second of which fails; nobody watches after the third. */
async function watchThree(options: WatchOptions, isTTY: boolean): Promise<string[]> {
  const written: string[] = [];
  const ended = new AbortController();
  let looks = 0;
  await watchView(
    options,
    async () => {
      looks += 1;
      if (looks === 2) throw new StoaError('unavailable', 'nobody answers');
      return { data: { looks }, text: `look ${looks}\n` };
    },
    {
      write: (text) => void written.push(text),
      isTTY,
      signal: ended.signal,
      pause: async () => {
        if (looks === 3) ended.abort();
      },
      now: () => 0,
    },
  );
  return written;
}

const AT = '1970-01-01T00:00:00.000Z';

describe('a command that is watched', () => {
  it('writes one JSON object a line where no terminal shows it, failures too', async () => {
    const lines = [
      { at: AT, looks: 1 },
      { at: AT, error: { code: 'unavailable', message: 'nobody answers' } },
      { at: AT, looks: 3 },
    ].map((line) => `${JSON.stringify(line)}\n`);
    expect(await watchThree({}, false)).toEqual(lines);
    expect(await watchThree({ json: true }, true)).toEqual(lines);
  });

  it('refreshes a terminal in place', async () => {
    const screens = await watchThree({}, true);
    expect(screens.every((screen) => screen.startsWith('\x1b[H'))).toBe(true);
    expect(screens.map((screen) => screen.trimEnd().split('\n').at(-1))).toEqual([
      'look 1',
      'nobody answers',
      'look 3',
    ]);
  });

  it('refuses an interval that is none', async () => {
    for (const interval of ['0', 'soon', '1e9']) {
      await expect(watchThree({ interval }, false)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
  });
});
