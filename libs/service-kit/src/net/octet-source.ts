import type { Duplex } from 'node:stream';
import { type Expiry, expireAfter } from '@stoa/contracts';

/** Octets read ahead from a client, at most; then its socket is paused. */
const HIGH_WATER = 256 * 1024;

export class ConnectionEnded extends Error {
  constructor(reason: 'closed' | 'timeout') {
    super(reason);
    this.name = 'ConnectionEnded';
    this.timedOut = reason === 'timeout';
  }

  readonly timedOut: boolean;
}

/** The octets of a socket, as they are asked for; bounded, with one time limit for each wait. */
export class OctetSource implements Expiry {
  readonly #socket: Duplex;
  #chunks: Buffer[] = [];
  #size = 0;
  #closed = false;
  #timedOut = false;
  #wake: (() => void) | undefined;
  readonly #onData = (chunk: Buffer) => {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size > HIGH_WATER) this.#socket.pause();
    this.#wake?.();
  };
  readonly #onEnd = () => {
    this.#closed = true;
    this.#wake?.();
  };

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on('data', this.#onData);
    socket.once('end', this.#onEnd);
    socket.once('close', this.#onEnd);
  }

  /** Takes its hands off the socket and gives what was not read; for STARTTLS. */
  detach(): Buffer[] {
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onEnd);
    this.#socket.pause();
    return this.#chunks.splice(0);
  }

  /** Whether `read` would give octets at once. */
  get ready(): boolean {
    return this.#chunks.length > 0;
  }

  /** The next octets. Rejects with ConnectionEnded when there are none, or none in time. */
  async read(timeoutMs: number): Promise<Buffer> {
    if (this.#chunks.length === 0) await this.#wait(timeoutMs);
    const chunk = this.#chunks.shift();
    if (chunk === undefined) throw new ConnectionEnded('closed');
    this.#size -= chunk.length;
    if (this.#size <= HIGH_WATER / 2 && this.#socket.isPaused()) this.#socket.resume();
    return chunk;
  }

  async #wait(timeoutMs: number): Promise<void> {
    if (this.#closed) return;
    this.#timedOut = false;
    const stopClock = expireAfter(timeoutMs, this);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    stopClock();
    this.#wake = undefined;
    if (this.#timedOut) throw new ConnectionEnded('timeout');
  }

  /** The client took too long. */
  expire(): void {
    this.#timedOut = true;
    this.#wake?.();
  }
}
