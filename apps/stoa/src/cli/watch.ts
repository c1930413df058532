import { setTimeout as pause } from 'node:timers/promises';
import { StoaError, toStoaError } from '@stoa/plugin-sdk';
import type { Command } from 'commander';

export interface WatchOptions {
  watch?: boolean;
  interval?: string;
  json?: boolean;
}

/** One look at something: as data, and as text for people. */
export interface View {
  data: object;
  text: string;
}

export interface WatchTerminal {
  write(text: string): void;
  isTTY: boolean;
  /** Aborted when nobody watches any more. */
  signal: AbortSignal;
  pause(ms: number, signal: AbortSignal): Promise<void>;
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
}

/** Adds the options of a command that can be looked at again and again. */
export function withWatch(command: Command): Command {
  return command
    .option('--watch', 'look again and again, until Ctrl-C; one JSON object a line where no terminal shows it')
    .option('--interval <seconds>', 'how often to look', '2');
}

function intervalOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 3600))
    throw new StoaError('invalid-argument', '--interval: expected a number of seconds from 0.1 to 3600');
  return seconds * 1000;
}

const HOME_AND_CLEAR = '\x1b[H\x1b[2J';

/** Shows a view again and again. A look that fails is shown as that, and the next may succeed. */
export async function watchView(
  options: WatchOptions,
  look: () => Promise<View>,
  terminal: WatchTerminal,
): Promise<void> {
  const interval = intervalOf(options.interval ?? '2');
  const inPlace = terminal.isTTY && options.json !== true;
  const { signal, now } = terminal;
  while (!signal.aborted) {
    const at = new Date(now()).toISOString();
    const view = await look().catch((error: unknown): View => {
      const { code, message } = toStoaError(error);
      return { data: { error: { code, message } }, text: `${message}\n` };
    });
    if (signal.aborted) return;
    terminal.write(
      inPlace ? `${HOME_AND_CLEAR}${at}   Ctrl-C ends\n\n${view.text}` : `${JSON.stringify({ at, ...view.data })}\n`,
    );
    await terminal.pause(interval, signal);
  }
}

/** Shows a view once, or with --watch until Ctrl-C. Returns the data of a view that was shown once. */
export async function showView<V extends View>(options: WatchOptions, look: () => Promise<V>): Promise<V | undefined> {
  if (options.watch === true) {
    const ended = new AbortController();
    const end = () => ended.abort();
    process.once('SIGINT', end).once('SIGTERM', end);
    // Whoever read what is written has gone.
    process.stdout.on('error', end);
    await watchView(options, look, {
      write: (text) => void process.stdout.write(text),
      isTTY: process.stdout.isTTY === true,
      signal: ended.signal,
      pause: (ms, signal) => pause(ms, undefined, { signal }).catch(() => {}),
      now: Date.now,
    });
    return undefined;
  }
  const view = await look();
  process.stdout.write(options.json === true ? `${JSON.stringify(view.data, undefined, 2)}\n` : view.text);
  return view;
}
