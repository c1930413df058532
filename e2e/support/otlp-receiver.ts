import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { BinaryReader } from '@bufbuild/protobuf/wire';

export interface ReceivedSpan {
  service: string;
  /** Id of the node (service.instance.id). */
  node: string;
  name: string;
  traceId: string;
  spanId: string;
  parentId: string;
  /** Nanoseconds since 1970-01-01 UTC. */
  start: bigint;
  end: bigint;
}

/** Calls `field` for each field of a message with its number and a reader that stands at its value. */
function eachField(bytes: Uint8Array, field: (number: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (!field(number, reader)) reader.skip(wireType);
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The service.name and service.instance.id of a Resource (opentelemetry/proto/resource/v1). */
function sourceOf(resource: Uint8Array): Pick<ReceivedSpan, 'service' | 'node'> {
  const source = { service: '', node: '' };
  eachField(resource, (number, reader) => {
    if (number !== 1) return false;
    let key = '';
    let value = '';
    eachField(reader.bytes(), (inner, attribute) => {
      if (inner === 1) key = attribute.string();
      else if (inner === 2) {
        eachField(attribute.bytes(), (kind, any) => {
          if (kind !== 1) return false;
          value = any.string();
          return true;
        });
      } else return false;
      return true;
    });
    if (key === 'service.name') source.service = value;
    if (key === 'service.instance.id') source.node = value;
    return true;
  });
  return source;
}

function readSpan(bytes: Uint8Array, source: Pick<ReceivedSpan, 'service' | 'node'>): ReceivedSpan {
  const span: ReceivedSpan = { ...source, name: '', traceId: '', spanId: '', parentId: '', start: 0n, end: 0n };
  eachField(bytes, (number, reader) => {
    if (number === 1) span.traceId = hex(reader.bytes());
    else if (number === 2) span.spanId = hex(reader.bytes());
    else if (number === 4) span.parentId = hex(reader.bytes());
    else if (number === 5) span.name = reader.string();
    else if (number === 7) span.start = BigInt(reader.fixed64());
    else if (number === 8) span.end = BigInt(reader.fixed64());
    else return false;
    return true;
  });
  return span;
}

/** Spans of an ExportTraceServiceRequest (opentelemetry/proto/collector/trace/v1). */
export function readSpans(request: Uint8Array): ReceivedSpan[] {
  const spans: ReceivedSpan[] = [];
  eachField(request, (number, reader) => {
    if (number !== 1) return false;
    let source = { service: '', node: '' };
    const scopes: Uint8Array[] = [];
    eachField(reader.bytes(), (inner, resourceSpans) => {
      if (inner === 1) source = sourceOf(resourceSpans.bytes());
      else if (inner === 2) scopes.push(resourceSpans.bytes());
      else return false;
      return true;
    });
    for (const scope of scopes) {
      eachField(scope, (inner, scopeSpans) => {
        if (inner !== 2) return false;
        spans.push(readSpan(scopeSpans.bytes(), source));
        return true;
      });
    }
    return true;
  });
  return spans;
}

/** Receives traces over the network, as a collector does. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `forward`: base URL of another receiver that is to get all of it too. */
  static async start(forward?: string): Promise<OtlpReceiver> {
    const server = createServer();
    const receiver = new OtlpReceiver(server);
    server.on('request', async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      receiver.spans.push(...readSpans(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body));
      if (forward !== undefined) await passOn(`${forward}${request.url}`, request.headers, body);
      response.writeHead(200, { 'content-type': 'application/x-protobuf' });
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function passOn(url: string, headers: IncomingHttpHeaders, body: Buffer): Promise<void> {
  const { 'content-type': type = '', 'content-encoding': encoding } = headers;
  const sent = { 'content-type': type, ...(encoding === undefined ? {} : { 'content-encoding': encoding }) };
  const response = await fetch(url, { method: 'POST', headers: sent, body: new Uint8Array(body) });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  await response.arrayBuffer();
}
