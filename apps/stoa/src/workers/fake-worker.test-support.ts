import { EventEmitter } from 'node:events';
import type { FromWorker, ToWorker, WorkerProcess } from './messages.ts';

/** A worker without a process: a test speaks for it, and reads what it is told. */
export class FakeWorker extends EventEmitter {
  readonly told: ToWorker[] = [];
  /** Sockets that came with messages. */
  readonly sockets: unknown[] = [];
  /** Signals that it was sent. */
  readonly signals: string[] = [];
  readonly process = {
    pid: 1,
    kill: (signal: NodeJS.Signals) => {
      this.signals.push(signal);
      this.exit(null, signal);
      return true;
    },
  };
  #connected = true;

  isConnected(): boolean {
    return this.#connected;
  }

  send(message: ToWorker, socket?: unknown): boolean {
    this.told.push(message);
    if (socket !== undefined) this.sockets.push(socket);
    this.emit('told', message);
    return true;
  }

  say(message: FromWorker): void {
    this.emit('message', message);
  }

  exit(code: number | null, signal: string | null = null): void {
    this.#connected = false;
    this.emit('exit', code, signal);
  }

  get worker(): WorkerProcess {
    return this as unknown as WorkerProcess;
  }
}
