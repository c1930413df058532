import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const READ_BYTES = 256 * 1024;

/** A file without a name: it is gone when the process is. */
export class SpoolFile {
  readonly #file: FileHandle;
  #size = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(directory: string): Promise<SpoolFile> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, randomUUID());
    const file = await open(path, 'wx+', 0o600);
    await unlink(path);
    return new SpoolFile(file);
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        const { bytesWritten } = await this.#file.write(chunk, at, chunk.length - at, this.#size);
        at += bytesWritten;
        this.#size += bytesWritten;
      }
    }
  }

  /** All that was written; may be read several times, at the same time too. */
  async *read(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < this.#size; ) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, this.#size - at));
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) throw new Error('the spool file is shorter than what was written');
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
