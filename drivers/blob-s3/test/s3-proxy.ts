import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { S3Access } from '@stoa/test-servers';
import { resign } from './resign.ts';

export interface ProxiedRequest {
  method: string;
  /** Path and query. */
  url: string;
  headers: Record<string, string>;
}

/** What happens to a request instead of being forwarded, or beside it. */
export type Fault =
  /** An answer of its own. */
  | { type: 'answer'; status: number; code?: string; body?: string; headers?: Record<string, string> }
  /** Takes it and never answers. */
  | { type: 'hang' }
  /** Cuts the connection at once. */
  | { type: 'cut' }
  /** Forwards it, and cuts the connection when the answer comes. */
  | { type: 'lose-answer' }
  /** Cuts the connection after so many octets of the answer's body. */
  | { type: 'cut-body'; after: number }
  /** Stops sending after so many octets of the answer's body. */
  | { type: 'stall-body'; after: number }
  | { type: 'delay'; ms: number }
  /** Forwards it when the test says so. */
  | { type: 'wait'; until: (goOn: () => void) => void };

export type Behaviour = (request: ProxiedRequest) => Fault | undefined;

export interface S3Proxy {
  readonly endpoint: string;
  /** Decides about each request from now on; without one all are forwarded. */
  behave(behaviour?: Behaviour): void;
  /** Requests that came, those under way, and the most of these at a time. */
  readonly counts: { requests: number; active: number; mostActive: number };
  /** Octets of bodies that came from the driver, and that were written to it. */
  readonly octets: { received: number; sent: number };
  stop(): Promise<void>;
}

export interface ProxyOptions {
  /** Forwards the requests without these headers, signed anew: as if the server did not know them. */
  without?: readonly string[];
  tls?: { key: string; cert: string };
}

/** In front of a real S3 server: forwards, and fails when told to. */
export async function startS3Proxy(server: S3Access, options: ProxyOptions = {}): Promise<S3Proxy> {
  const upstream = new URL(server.endpoint);
  const agent = new Agent({ keepAlive: true });
  const counts = { requests: 0, active: 0, mostActive: 0 };
  const octets = { received: 0, sent: 0 };
  let behaviour: Behaviour = () => undefined;

  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const headers = { ...incoming.headers } as Record<string, string>;
    const wanted: ProxiedRequest = { method: incoming.method ?? '', url: incoming.url ?? '', headers };
    const fault = behaviour(wanted);
    if (fault?.type === 'cut') return void incoming.socket.destroy();
    if (fault?.type === 'hang') return void incoming.resume();
    if (fault?.type === 'answer') {
      incoming.resume();
      const body = fault.body ?? `<Error><Code>${fault.code ?? 'Unknown'}</Code><Message>as told</Message></Error>`;
      outgoing.writeHead(fault.status, { 'content-type': 'application/xml', ...fault.headers });
      return void outgoing.end(wanted.method === 'HEAD' ? undefined : body);
    }
    if (fault?.type === 'delay') await delay(fault.ms);
    if (fault?.type === 'wait') await new Promise<void>((resolve) => fault.until(resolve));
    forward(wanted, incoming, outgoing, fault);
  };

  const forward = (
    { method, url, headers }: ProxiedRequest,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    fault: Fault | undefined,
  ) => {
    for (const name of options.without ?? []) delete headers[name];
    if (options.without !== undefined) headers['authorization'] = resign({ method, url, headers }, server.secretKey);
    const { hostname: host, port } = upstream;
    const forwarded = request({ host, port, method, path: url, headers, agent }, (answer) => {
      if (fault?.type === 'lose-answer') {
        answer.resume().once('end', () => incoming.socket.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      let sent = 0;
      answer.on('data', (chunk: Buffer) => {
        const limit = fault?.type === 'cut-body' || fault?.type === 'stall-body' ? fault.after : undefined;
        const piece = limit === undefined ? chunk : chunk.subarray(0, Math.max(limit - sent, 0));
        sent += piece.length;
        octets.sent += piece.length;
        if (!outgoing.write(piece)) {
          answer.pause();
          outgoing.once('drain', () => answer.resume());
        }
        if (limit === undefined || sent < limit) return;
        answer.destroy();
        if (fault?.type === 'cut-body') setImmediate(() => incoming.socket.destroy());
      });
      answer.once('end', () => outgoing.end());
    });
    forwarded.once('error', () => incoming.socket.destroy());
    outgoing.once('close', () => forwarded.destroy());
    incoming.on('data', (chunk: Buffer) => {
      octets.received += chunk.length;
    });
    incoming.pipe(forwarded);
  };

  const listener = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    counts.requests += 1;
    counts.active += 1;
    counts.mostActive = Math.max(counts.mostActive, counts.active);
    outgoing.once('close', () => {
      counts.active -= 1;
    });
    incoming.on('error', () => {});
    void handle(incoming, outgoing);
  };
  const proxy = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo;
  return {
    endpoint: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    behave(next = () => undefined) {
      behaviour = next;
    },
    counts,
    octets,
    async stop() {
      const stopped = new Promise((resolve) => proxy.close(resolve));
      proxy.closeAllConnections();
      agent.destroy();
      await stopped;
    },
  };
}
