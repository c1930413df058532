import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { close, fsync, isErrno, open } from './files.ts';

const MAX_KNOWN = 100_000;

interface Sync {
  running: Promise<void>;
  next: Promise<void> | undefined;
}

/** Makes folders, and makes their entries durable. Calls for one folder that come together share one sync. */
export class Directories {
  readonly #root: string;
  readonly #known = new Map<string, Promise<void>>();
  readonly #syncs = new Map<string, Sync>();

  /** `root` is there, and stays. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Resolves when the folder and the way to it are there, durably. */
  ensure(path: string): Promise<void> {
    if (path === this.#root) return Promise.resolve();
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    const made = this.#make(path);
    this.#known.set(path, made);
    made.catch(() => this.forget(path));
    return made;
  }

  /** For a folder that turned out to be gone. */
  forget(path: string): void {
    for (let at = path; at.length > this.#root.length; at = dirname(at)) this.#known.delete(at);
  }

  async #make(path: string): Promise<void> {
    const parent = dirname(path);
    await this.ensure(parent);
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    // Also if it was there: another process may have made it and not synced it yet.
    await this.sync(parent);
  }

  /** Resolves when all entries made in the folder before the call are durable. */
  sync(path: string): Promise<void> {
    const current = this.#syncs.get(path);
    if (current === undefined) return this.#start(path);
    // The one under way may have begun before the caller's entry was made; all that wait share the one after it.
    current.next ??= current.running.then(
      () => this.#start(path),
      () => this.#start(path),
    );
    return current.next;
  }

  #start(path: string): Promise<void> {
    const sync: Sync = { running: syncFolder(path), next: undefined };
    this.#syncs.set(path, sync);
    const done = () => {
      if (sync.next === undefined) this.#syncs.delete(path);
    };
    sync.running.then(done, done);
    return sync.running;
  }
}

async function syncFolder(path: string): Promise<void> {
  const fd = await open(path, 'r');
  try {
    await fsync(fd);
  } finally {
    await close(fd);
  }
}
