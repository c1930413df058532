import { createServer, type Server, type Socket } from 'node:net';
import type { Address, Logger } from '@stoa/service-kit';
import type { FromWorker, ToWorker, WorkerProcess } from './messages.ts';

/** Connections that wait at most for a worker while none is there; more are closed. */
const MAX_WAITING = 1_000;

/** A connection that a worker was handed. */
interface Handed {
  readonly service: string;
  readonly address: string;
  readonly worker: WorkerProcess;
  /** Until the worker has it: nobody else would close it if the worker died first. */
  socket: Socket | undefined;
}

interface OpenPort {
  readonly service: string;
  readonly server: Server;
  readonly bound: Promise<Address>;
  readonly workers: Set<WorkerProcess>;
  readonly waiting: Set<Socket>;
}

/** Connections of a service at one worker. */
class Count {
  total = 0;
  readonly byAddress = new Map<string, number>();

  change(address: string, by: 1 | -1): void {
    this.total += by;
    const left = (this.byAddress.get(address) ?? 0) + by;
    if (left === 0) this.byAddress.delete(address);
    else this.byAddress.set(address, left);
  }
}

/**
 * Accepts the connections of mail clients for all workers of a node, and hands each to the worker that has the fewest of its
 * service. So it knows them all, and tells each worker how many the others have, for the limits. Connections that arrive while no
 * worker is there wait for one.
 */
export class Distributor {
  readonly #logger: Logger;
  readonly #ports = new Map<string, OpenPort>();
  readonly #handed = new Map<number, Handed>();
  readonly #counts = new Map<WorkerProcess, Map<string, Count>>();
  #lastId = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Has a worker take part, until it ends. */
  add(worker: WorkerProcess): void {
    this.#counts.set(worker, new Map());
    worker.on('message', (message: FromWorker) => this.#hear(worker, message));
    worker.on('exit', () => this.#remove(worker));
  }

  /** Closes all ports. */
  close(): void {
    for (const port of [...this.#ports.keys()]) this.#closePort(port);
  }

  #hear(worker: WorkerProcess, message: FromWorker): void {
    switch (message.type) {
      case 'listen':
        void this.#listen(worker, message);
        break;
      case 'unlisten':
        this.#unlisten(worker, message.port);
        break;
      case 'taken':
        this.#taken(message.connection);
        break;
      case 'closed':
        this.#ended(message.connection);
    }
  }

  async #listen(worker: WorkerProcess, { port, service, address }: FromWorker & { type: 'listen' }): Promise<void> {
    let open = this.#ports.get(port);
    if (open === undefined) {
      open = this.#open(port, service, address);
      this.#ports.set(port, open);
    }
    try {
      const bound = await open.bound;
      if (!this.#counts.has(worker)) return;
      open.workers.add(worker);
      tell(worker, { type: 'listening', port, address: bound });
      for (const socket of open.waiting) this.#hand(port, open, socket);
    } catch (error) {
      this.#ports.delete(port);
      const { code = '', message } = error as NodeJS.ErrnoException;
      tell(worker, { type: 'refused', port, code, message });
    }
  }

  #open(port: string, service: string, { host, port: number }: Address): OpenPort {
    // Nothing is read here: what a client sends is for the worker.
    const server = createServer({ pauseOnConnect: true });
    const bound = new Promise<Address>((resolve, reject) => {
      server.once('error', reject);
      server.listen(number, host, () => {
        server.off('error', reject);
        server.on('error', (error) => this.#logger.error({ error, port }, 'a listener failed'));
        resolve({ host, port: (server.address() as { port: number }).port });
      });
    });
    const open: OpenPort = { service, server, bound, workers: new Set(), waiting: new Set() };
    server.on('connection', (socket) => {
      socket.on('error', () => socket.destroy());
      this.#hand(port, open, socket);
    });
    return open;
  }

  #hand(port: string, open: OpenPort, socket: Socket): void {
    const { service, workers, waiting } = open;
    const worker = this.#leastBusy(service, workers);
    if (worker === undefined) {
      if (waiting.size >= MAX_WAITING) socket.destroy();
      else if (!waiting.has(socket)) {
        waiting.add(socket);
        socket.once('close', () => waiting.delete(socket));
      }
      return;
    }
    waiting.delete(socket);
    const address = socket.remoteAddress;
    // Gone already.
    if (address === undefined) return void socket.destroy();
    let [total, ofAddress] = [0, 0];
    for (const [other, counts] of this.#counts) {
      if (other === worker) continue;
      total += counts.get(service)?.total ?? 0;
      ofAddress += counts.get(service)?.byAddress.get(address) ?? 0;
    }
    this.#lastId += 1;
    const connection = this.#lastId;
    this.#handed.set(connection, { service, address, worker, socket });
    this.#countOf(worker, service).change(address, 1);
    const message: ToWorker = { type: 'connection', port, connection, total, ofAddress };
    // The worker's death is heard as its exit, which closes what it did not take.
    worker.send(message, socket, { keepOpen: true }, () => {});
  }

  #leastBusy(service: string, workers: ReadonlySet<WorkerProcess>): WorkerProcess | undefined {
    let [found, fewest]: [WorkerProcess | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
    for (const worker of workers) {
      const count = this.#countOf(worker, service).total;
      if (count < fewest && worker.isConnected()) [found, fewest] = [worker, count];
    }
    return found;
  }

  #countOf(worker: WorkerProcess, service: string): Count {
    const counts = this.#counts.get(worker) as Map<string, Count>;
    let count = counts.get(service);
    if (count === undefined) {
      count = new Count();
      counts.set(service, count);
    }
    return count;
  }

  /** The worker has it open too; here it is closed without a word to the client. */
  #taken(connection: number): void {
    const handed = this.#handed.get(connection);
    handed?.socket?.destroy();
    if (handed !== undefined) handed.socket = undefined;
  }

  #ended(connection: number): void {
    const handed = this.#handed.get(connection);
    if (handed === undefined) return;
    this.#taken(connection);
    this.#handed.delete(connection);
    const { worker, service, address } = handed;
    if (this.#counts.has(worker)) this.#countOf(worker, service).change(address, -1);
  }

  #unlisten(worker: WorkerProcess, port: string): void {
    const open = this.#ports.get(port);
    // When the last one wants no more, clients are to see that; when it dies, they wait for the next.
    if (open?.workers.delete(worker) === true && open.workers.size === 0) this.#closePort(port);
  }

  #closePort(port: string): void {
    const open = this.#ports.get(port);
    if (open === undefined) return;
    this.#ports.delete(port);
    open.server.close();
    for (const socket of open.waiting) socket.destroy();
  }

  #remove(worker: WorkerProcess): void {
    this.#counts.delete(worker);
    for (const { workers } of this.#ports.values()) workers.delete(worker);
    for (const [connection, handed] of this.#handed) if (handed.worker === worker) this.#ended(connection);
  }
}

function tell(worker: WorkerProcess, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message);
}
