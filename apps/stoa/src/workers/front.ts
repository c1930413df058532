import { createServer, type Server, type ServerResponse } from 'node:http';
import { StoaError } from '@stoa/plugin-sdk';
import { type Address, formatAddress } from '@stoa/service-kit';
import type { Answer } from './ask.ts';
import { mergeMetrics } from './merge-metrics.ts';
import type { WorkerStatus } from './supervisor.ts';

export interface FrontOptions {
  workers(): readonly WorkerStatus[];
  stopping(): boolean;
  /** Asks a worker for one of its own pages; rejects when it does not answer. */
  ask(worker: number, path: string): Promise<Answer>;
}

interface Readiness {
  readonly status: string;
  readonly services?: Readonly<Record<string, string>>;
  readonly degraded?: Readonly<Record<string, string>>;
}

/**
 * The health and metrics pages of a node that has workers, at the address that one process would have. The node is ready while
 * one worker is, and whole when all are.
 */
export class WorkersFront {
  readonly #options: FrontOptions;
  readonly #server: Server;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#server = createServer(
      { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8192 },
      (request, response) => {
        this.#answer(request.method ?? 'GET', (request.url ?? '/').split('?')[0] as string, response).catch(() =>
          response.destroy(),
        );
      },
    );
    this.#server.maxConnections = 256;
  }

  /** Resolves to the address that was bound. */
  async listen(address: Address): Promise<Address> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(address.port, address.host, () => resolve());
    }).catch((error: Error) => {
      throw new StoaError('unavailable', `http.listen: cannot listen on ${formatAddress(address)}: ${error.message}`, {
        cause: error,
      });
    });
    return { host: address.host, port: (this.#server.address() as { port: number }).port };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(method: string, path: string, response: ServerResponse): Promise<void> {
    if (method !== 'GET' && method !== 'HEAD') return sendJson(response, 405, { error: 'only GET is answered' });
    switch (path) {
      case '/health/live':
        return sendJson(response, 200, { status: 'live' });
      case '/health/ready':
        return this.#ready(response);
      case '/metrics':
        return send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await this.#metrics());
      default:
        return sendJson(response, 404, { error: 'there are /health/live, /health/ready and /metrics' });
    }
  }

  async #ready(response: ServerResponse): Promise<void> {
    const services: Record<string, string> = {};
    const degraded: Record<string, string> = {};
    const workers: Record<string, string> = {};
    let ready = false;
    for (const [number, answer] of await this.#askAll('/health/ready')) {
      const told = readinessOf(answer);
      workers[number] = told.status;
      if (answer?.status === 200) ready = true;
      // Another worker does what this one cannot.
      for (const [name, state] of Object.entries(told.services ?? {})) {
        if (services[name] !== 'ready') services[name] = state;
      }
      for (const [name, what] of Object.entries(told.degraded ?? {})) degraded[`${name} of worker ${number}`] = what;
      if (answer?.status !== 200) degraded[`worker ${number}`] = told.status;
    }
    const isWhole = Object.keys(degraded).length === 0;
    const status = this.#options.stopping() ? 'draining' : !ready ? 'not ready' : isWhole ? 'ready' : 'degraded';
    const accepts = ready && !this.#options.stopping();
    sendJson(response, accepts ? 200 : 503, { status, services, workers, ...(isWhole ? {} : { degraded }) });
  }

  async #metrics(): Promise<string> {
    const pages = new Map<number, string>();
    for (const [number, answer] of await this.#askAll('/metrics')) {
      if (answer?.status === 200) pages.set(number, answer.text);
    }
    const workers = this.#options.workers();
    const rows = (value: (worker: WorkerStatus) => number, name: string) =>
      workers.map((worker) => `${name}{worker="${worker.number}"} ${value(worker)}`);
    return [
      '# HELP stoa_worker_up Whether a worker of this node runs and is ready.',
      '# TYPE stoa_worker_up gauge',
      ...rows(({ ready }) => (ready ? 1 : 0), 'stoa_worker_up'),
      '# HELP stoa_worker_restarts_total How often a worker was started again.',
      '# TYPE stoa_worker_restarts_total counter',
      ...rows(({ restarts }) => restarts, 'stoa_worker_restarts_total'),
      mergeMetrics(pages),
    ].join('\n');
  }

  #askAll(path: string): Promise<[number, Answer | undefined][]> {
    const asking = this.#options.workers().map(async ({ number, pid }): Promise<[number, Answer | undefined]> => {
      const answer = pid === undefined ? undefined : await this.#options.ask(number, path).catch(() => undefined);
      return [number, answer];
    });
    return Promise.all(asking);
  }
}

function readinessOf(answer: Answer | undefined): Readiness {
  if (answer === undefined) return { status: 'away' };
  try {
    return JSON.parse(answer.text) as Readiness;
  } catch {
    return { status: 'away' };
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`);
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
