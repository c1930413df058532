import type { Duplex } from 'node:stream';
import { ConnectionEnded } from '@stoa/service-kit';
import type { ResponseWriter } from './session-types.ts';

/**
 * Octets that wait for the end of the command, before they are sent earlier. Half of what commands write as one piece, so
 * that such a piece leaves as it is and needs not be joined to the next.
 */
const HIGH_WATER = 32 * 1024;

/** Collects what is written and sends it in few pieces; waits for a client that reads slowly. */
export class ResponseStream implements ResponseWriter {
  #socket: Duplex;
  #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** From here on responses go through another socket, after STARTTLS. */
  use(socket: Duplex): void {
    this.#socket = socket;
  }

  write(octets: Uint8Array | string): void {
    const piece = typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets;
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#size += piece.length;
  }

  copy(octets: Uint8Array): void {
    this.write(Buffer.from(octets));
  }

  get full(): boolean {
    return this.#size >= HIGH_WATER;
  }

  async drain(): Promise<void> {
    if (this.#pieces.length === 0) return;
    const octets =
      this.#pieces.length === 1 ? (this.#pieces[0] as Uint8Array) : Buffer.concat(this.#pieces, this.#size);
    this.#pieces = [];
    this.#size = 0;
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) throw new ConnectionEnded('closed');
    if (socket.write(octets)) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (end: () => void) => () => {
        socket.off('drain', drained);
        socket.off('close', closed);
        end();
      };
      const drained = settle(resolve);
      const closed = settle(() => reject(new ConnectionEnded('closed')));
      socket.on('drain', drained);
      socket.on('close', closed);
    });
  }
}
