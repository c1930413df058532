import { createServer, type Server } from 'node:http';

export interface ReceivedSpan {
  service: string;
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  /** 1 internal, 2 server, 3 client. */
  kind: number;
}

/** Fields of a protobuf message: number to the values, octets or whole numbers. */
function fields(message: Buffer): Map<number, (Buffer | number)[]> {
  const found = new Map<number, (Buffer | number)[]>();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const octet = message[at++] as number;
      value |= BigInt(octet & 0x7f) << shift;
      if (octet < 0x80) return Number(value);
    }
  };
  while (at < message.length) {
    const tag = varint();
    let value: Buffer | number;
    if ((tag & 7) === 0) value = varint();
    else {
      const size = (tag & 7) === 2 ? varint() : (tag & 7) === 1 ? 8 : 4;
      value = message.subarray(at, at + size);
      at += size;
    }
    found.set(tag >> 3, [...(found.get(tag >> 3) ?? []), value]);
  }
  return found;
}

const inner = (message: Buffer, field: number) => (fields(message).get(field) ?? []) as Buffer[];

function spansOf(body: Buffer): ReceivedSpan[] {
  return inner(body, 1).flatMap((resourceSpans) => {
    const attributes = inner(resourceSpans, 1).flatMap((resource) => inner(resource, 1));
    const named = attributes.find((attribute) => inner(attribute, 1)[0]?.toString() === 'service.name');
    const service = named === undefined ? '' : String(inner(inner(named, 2)[0] as Buffer, 1)[0]);
    return inner(resourceSpans, 2)
      .flatMap((scope) => inner(scope, 2))
      .map((span) => {
        const of = fields(span);
        const hex = (field: number) => ((of.get(field)?.[0] as Buffer | undefined) ?? Buffer.alloc(0)).toString('hex');
        return {
          service,
          name: String(of.get(5)?.[0]),
          traceId: hex(1),
          spanId: hex(2),
          parentSpanId: hex(4),
          kind: of.get(6)?.[0] as number,
        };
      });
  });
}

/** Receives traces over OTLP/HTTP, as a collector does. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly #server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (request.url === '/v1/traces') this.spans.push(...spansOf(Buffer.concat(parts)));
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
