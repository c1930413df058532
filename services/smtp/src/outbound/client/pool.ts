import type { SmtpSession } from './session.ts';

export interface PoolOptions {
  /** Sessions kept, of all destinations. */
  readonly max: number;
  /** Milliseconds that one is kept. */
  readonly idleMs: number;
  readonly quitMs: number;
}

interface Idle {
  readonly key: string;
  readonly session: SmtpSession;
  readonly release: () => void;
}

/** Sessions that wait for another message to the same destination, for a short time. */
export class SessionPool {
  readonly #options: PoolOptions;
  /** The one idle the longest is first. */
  readonly #idle = new Set<Idle>();
  readonly #quitting = new Set<Promise<void>>();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#idle.size;
  }

  /** A session to the destination that still lives, as far as is known. */
  take(key: string): SmtpSession | undefined {
    for (const idle of [...this.#idle].reverse()) {
      if (idle.key !== key) continue;
      this.#remove(idle);
      const { connection } = idle.session;
      if (!connection.isClosed && !connection.hasInput) return idle.session;
      connection.destroy();
    }
    return undefined;
  }

  /** Keeps a session, or says goodbye on it. */
  put(key: string, session: SmtpSession): void {
    session.connection.watch(undefined);
    if (this.#closed || this.#options.max === 0 || session.connection.hasInput || session.connection.isClosed) {
      this.#quit(session);
      return;
    }
    // A server that says something now says that it goes.
    const stopListening = session.connection.onActivity(() => {
      this.#remove(idle);
      session.connection.destroy();
    });
    const timer = setTimeout(() => {
      this.#remove(idle);
      this.#quit(session);
    }, this.#options.idleMs);
    const idle: Idle = {
      key,
      session,
      release() {
        clearTimeout(timer);
        stopListening();
      },
    };
    this.#idle.add(idle);
    if (this.#idle.size <= this.#options.max) return;
    const [oldest] = [...this.#idle] as [Idle];
    this.#remove(oldest);
    this.#quit(oldest.session);
  }

  /** Says goodbye on every session; later ones are not kept. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const idle of [...this.#idle]) {
      this.#remove(idle);
      this.#quit(idle.session);
    }
    await Promise.all(this.#quitting);
  }

  #remove(idle: Idle): void {
    this.#idle.delete(idle);
    idle.release();
  }

  #quit(session: SmtpSession): void {
    const done = session.connection.quit(this.#options.quitMs).finally(() => this.#quitting.delete(done));
    this.#quitting.add(done);
  }
}
