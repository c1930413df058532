import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ListenOptions } from 'node:net';
import { StoaError, toStoaError } from '@stoa/plugin-sdk';
import { type Address, type Endpoint, formatEndpoint } from '../config/types.ts';

export interface HealthSource {
  /** Checks of the services, by name; each rejects with the cause when its service cannot work. */
  readonly checks: () => ReadonlyMap<string, () => Promise<void>>;
  /** What is missing though the process does its work, by name. It stays ready. */
  readonly degraded: () => ReadonlyMap<string, string>;
  /** False while the node starts or drains. */
  readonly accepting: () => boolean;
  /** True once it drains or stops, to tell that from a start. */
  readonly draining: () => boolean;
  readonly handleMetrics: (request: IncomingMessage, response: ServerResponse) => void;
}

/** Longest time that a check may take before it counts as failed. */
const CHECK_TIMEOUT_MS = 2_000;

/** Serves /health/live, /health/ready and /metrics. */
export class HealthServer {
  readonly #source: HealthSource;
  readonly #server: Server;

  constructor(source: HealthSource) {
    this.#source = source;
    this.#server = createServer(
      { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8192 },
      (request, response) => {
        this.#answer(request, response).catch(() => response.destroy());
      },
    );
    this.#server.maxConnections = 256;
  }

  /** Resolves to where it listens, with the port that was bound. */
  async listen<E extends Endpoint = Address>(endpoint: E): Promise<E> {
    // What a process left that was killed is in the way.
    if ('path' in endpoint) await rm(endpoint.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(listenOptions(endpoint), () => {
        this.#server.off('error', reject);
        resolve();
      });
    }).catch((error: Error) => {
      throw new StoaError(
        'unavailable',
        `http.listen: cannot listen on ${formatEndpoint(endpoint)}: ${error.message}`,
        {
          cause: error,
        },
      );
    });
    const { port } = this.#server.address() as { port: number };
    return 'path' in endpoint ? endpoint : { ...endpoint, port };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return send(response, 405, { error: 'only GET is answered' });
    switch ((request.url ?? '/').split('?')[0]) {
      case '/health/live':
        return send(response, 200, { status: 'live' });
      case '/health/ready':
        return this.#ready(response);
      case '/metrics':
        return this.#source.handleMetrics(request, response);
      default:
        return send(response, 404, { error: 'there are /health/live, /health/ready and /metrics' });
    }
  }

  async #ready(response: ServerResponse): Promise<void> {
    const services: Record<string, string> = {};
    let ready = this.#source.accepting();
    await Promise.all(
      [...this.#source.checks()].map(async ([name, check]) => {
        const failure = await within(check(), CHECK_TIMEOUT_MS).then(
          () => undefined,
          (error: unknown) => toStoaError(error),
        );
        services[name] = failure === undefined ? 'ready' : failure.code;
        if (failure !== undefined) ready = false;
      }),
    );
    const degraded = Object.fromEntries(this.#source.degraded());
    const isWhole = Object.keys(degraded).length === 0;
    const status = this.#source.draining() ? 'draining' : !ready ? 'not ready' : isWhole ? 'ready' : 'degraded';
    send(response, ready ? 200 : 503, { status, services, ...(isWhole ? {} : { degraded }) });
  }
}

/** A socket in a folder is this process's own, also where it is one of several workers that share their listeners. */
function listenOptions(endpoint: Endpoint): ListenOptions {
  return 'path' in endpoint ? { path: endpoint.path, exclusive: true } : { host: endpoint.host, port: endpoint.port };
}

async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(Object.assign(new Error('the check took too long'), { name: 'TimeoutError' })),
      timeoutMs,
    );
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
