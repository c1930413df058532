import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What an S3 server behind the proxy does: its work, answer 503 to everything, or not answer at all. */
export type S3Mood = 'well' | 'overloaded' | 'silent';

export interface S3Fault {
  /** To be given to Stoa instead of the server's. */
  readonly endpoint: string;
  mood: S3Mood;
  stop(): Promise<void>;
}

const SLOW_DOWN = '<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';

/** Stands before a real S3 server, and lets it be ill. */
export async function startS3Fault(endpoint: string): Promise<S3Fault> {
  const { hostname: host, port } = new URL(endpoint);
  const agent = new Agent({ keepAlive: true });
  const proxy = createServer((incoming, outgoing) => {
    incoming.on('error', () => {});
    if (fault.mood === 'silent') return void incoming.resume();
    if (fault.mood === 'overloaded') {
      incoming.resume();
      outgoing.writeHead(503, { 'content-type': 'application/xml' });
      return void outgoing.end(incoming.method === 'HEAD' ? undefined : SLOW_DOWN);
    }
    const { method, url: path, headers } = incoming;
    const forwarded = request({ host, port, method, path, headers, agent }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.once('error', () => incoming.socket.destroy());
    outgoing.once('close', () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const fault: S3Fault = {
    endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    mood: 'well',
    async stop() {
      const stopped = new Promise((resolve) => proxy.close(resolve));
      proxy.closeAllConnections();
      agent.destroy();
      await stopped;
    },
  };
  return fault;
}
