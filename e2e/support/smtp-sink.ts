import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolPath } from './tools.ts';

/** Postfix's smtp-sink: takes mail, or refuses it as its options say. */
export class SmtpSink {
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
  }

  static async start(port: number, options: readonly string[] = []): Promise<SmtpSink> {
    const folder = mkdtempSync(join(tmpdir(), 'smtp-sink-'));
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    const args = [...user, '-d', '%Y.', ...options, `127.0.0.1:${port}`, '10'];
    const child = spawn(toolPath('smtpSink') as string, args, { cwd: folder, stdio: 'ignore' });
    const sink = new SmtpSink(child, folder);
    while (!(await accepts(port))) {
      if (child.exitCode !== null) throw new Error(`smtp-sink ended with ${child.exitCode}`);
    }
    return sink;
  }

  /** The messages that came, each with the header fields that the sink puts on top. */
  messages(): string[] {
    return readdirSync(this.#folder)
      .map((name) => readFileSync(join(this.#folder, name), 'latin1'))
      .filter((text) => text.includes('\nSubject: '));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      const gone = once(this.#child, 'exit');
      this.#child.kill();
      await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
