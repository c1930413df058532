import { pino } from 'pino';

/** Characters that wait for the end of the turn, at most: what a log collector takes as one piece. */
const MOST = 16 * 1024;

/**
 * Writes the lines of one turn of the event loop together: a line a message, each written by itself, took as long as the rest of what is said
 * about a message. Nothing waits longer than the turn, and nothing stays behind at the end of the process; a process that is
 * killed loses the lines of its last turn.
 */
export class LogOutput {
  readonly #write: (text: string) => void;
  #text = '';
  #waiting = false;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  write(line: string): void {
    this.#text += line;
    if (this.#text.length >= MOST) this.flush();
    if (this.#waiting || this.#text === '') return;
    this.#waiting = true;
    setImmediate(() => {
      this.#waiting = false;
      this.flush();
    });
  }

  /** Writes now what waits. */
  flush(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    this.#write(text);
  }
}

let shared: LogOutput | undefined;

/** Standard output, of all loggers of this process. */
export function standardOutput(): LogOutput {
  if (shared === undefined) {
    const file = pino.destination({ fd: 1, sync: true });
    const output = new LogOutput((text) => void file.write(text));
    // Also after an error that nobody caught.
    process.on('exit', () => output.flush());
    shared = output;
  }
  return shared;
}
