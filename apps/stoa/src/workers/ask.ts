import { request } from 'node:http';

/** An answer of a worker's own page. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Asks a worker for a page, at its socket. Rejects when it does not answer in time (milliseconds). */
export function ask(socketPath: string, path: string, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    asking.once('error', reject);
    asking.end();
  });
}
