import { createConnection, createServer } from 'node:net';
import { StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import { FrameReader, frame, GOODBYE } from './frames.js';

/** Octets that may wait for one process; beyond it the process is cut off, which tells it of a gap. */
const MAX_WAITING = 16 * 1024 * 1024;

/**
 * Each process listens on a socket in a folder that all know, and connects to the sockets of the others to publish. A
 * connection that ends without a goodbye may have taken messages with it: its receiver tells of a gap.
 *
 * @implements {import('@stoa/plugin-sdk').Bus}
 */
export class SocketBus {
  #options;
  #server = createServer((socket) => this.#receive(socket));
  #incoming = new Set();
  /** Path of a socket to the connection to it. */
  #peers = new Map();
  /** Topic to the listeners of this process. */
  #listeners = new Map();
  /** The messages of this process go out one after the other. */
  #last = Promise.resolve();
  #closing;

  constructor(options) {
    this.#options = options;
  }

  async listen() {
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.own, resolve);
    });
  }

  async publish(topic, payload, { signal } = {}) {
    throwIfCancelled(signal);
    if (this.#closing !== undefined) throw new StoaError('unavailable', 'the bus is closed');
    if (payload.length > this.#options.maxPayload)
      throw new StoaError('too-large', 'the message is too large for the bus');
    const octets = frame(topic, payload);
    const sent = this.#last.then(() => this.#send(octets));
    this.#last = sent.catch(() => {});
    await sent;
    const copy = octets.subarray(octets.length - payload.length);
    // Never during the call.
    setImmediate(() => this.#deliver(topic, copy));
  }

  async #send(octets) {
    let paths;
    try {
      paths = await this.#options.others();
    } catch (error) {
      throw new StoaError('unavailable', `the folder of the bus cannot be read: ${error.message}`, { cause: error });
    }
    for (const path of paths) {
      if (path === this.#options.own) continue;
      const peer = this.#peers.get(path) ?? (await this.#connect(path));
      if (peer === undefined) continue;
      if (peer.writableLength > MAX_WAITING) peer.destroy();
      else peer.write(octets);
    }
  }

  /** Undefined when nobody is there any more. */
  async #connect(path) {
    const socket = createConnection(path);
    try {
      await new Promise((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
    } catch (error) {
      socket.destroy();
      // The process ended without removing it.
      if (error.code === 'ECONNREFUSED') await this.#options.forget(path);
      return undefined;
    }
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#peers.delete(path));
    this.#peers.set(path, socket);
    return socket;
  }

  #receive(socket) {
    const reader = new FrameReader();
    let whole = false;
    this.#incoming.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (octets) => {
      for (const message of reader.read(octets)) {
        if (message === undefined) whole = true;
        else this.#deliver(message.topic, message.payload);
      }
    });
    socket.on('close', () => {
      this.#incoming.delete(socket);
      if (!whole && this.#closing === undefined) this.#gap();
    });
  }

  #deliver(topic, payload) {
    // Each has bytes of its own; an error of a listener is its own as well.
    for (const listener of [...(this.#listeners.get(topic) ?? [])])
      call(() => listener.message(new Uint8Array(payload)));
  }

  #gap() {
    for (const listeners of this.#listeners.values()) {
      for (const listener of [...listeners]) {
        call(() => listener.gap('a publisher went away without a goodbye'));
        call(() => listener.connected());
      }
    }
  }

  async subscribe(topic, listener, { signal } = {}) {
    throwIfCancelled(signal);
    if (this.#closing !== undefined) throw new StoaError('unavailable', 'the bus is closed');
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners);
    // The same listener may subscribe twice.
    const own = {
      message: (payload) => listener.message(payload),
      gap: (reason) => listener.gap(reason),
      connected: () => listener.connected(),
    };
    listeners.add(own);
    call(() => listener.connected());
    return { close: async () => void listeners.delete(own) };
  }

  async check() {
    if (!this.#server.listening) throw new StoaError('unavailable', 'the bus is closed');
  }

  close() {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end() {
    await this.#last;
    this.#listeners.clear();
    const peers = [...this.#peers.values()];
    await Promise.all(peers.map((peer) => new Promise((resolve) => peer.once('close', resolve).end(GOODBYE))));
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#incoming) socket.destroy();
    await closed;
  }
}

function call(work) {
  try {
    work();
  } catch {
    // Not the bus's.
  }
}
