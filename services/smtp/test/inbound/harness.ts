import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Client, DeepPartial, storage as Storage } from '@stoa/contracts';
import { storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import { type SmtpConfig, smtpConfig } from '../../src/config.ts';
import { SmtpConnection } from '../../src/connection.ts';
import type { SmtpContext } from '../../src/context.ts';
import { createMetrics } from '../../src/metrics.ts';
import { Session } from '../../src/session.ts';

export interface Delivered {
  envelope: Storage.DeliveryEnvelope;
  body: string;
}

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };
const { ResolveRecipientResponse_Kind: Kind } = storage;

export interface HarnessOptions {
  kind?: 'smtp' | 'submission' | 'lmtp';
  config?: Partial<SmtpConfig>;
  /** Results of Deliver, by recipient; delivered where there is none. */
  results?: (recipient: Storage.DeliveryRecipient) => DeepPartial<Storage.DeliverResponse_Result> | undefined;
  /** Failures of Deliver's first calls. */
  failures?: StoaError[];
}

/** The listener's connections over real sockets, with a directory and a store in memory that record what they are given. */
export class Harness {
  readonly delivered: Delivered[] = [];
  /** Idempotency keys of every call of Deliver, failed ones included. */
  readonly keys: string[] = [];
  readonly connections = new Set<SmtpConnection>();
  readonly #server: Server;
  readonly #options: HarnessOptions;

  private constructor(options: HarnessOptions) {
    this.#options = options;
    const context = this.#context();
    const kind = options.kind ?? 'smtp';
    const listener = { name: kind, kind, listen: { host: '127.0.0.1', port: 0 }, tls: 'starttls' as const };
    this.#server = createServer((socket) => {
      const connection = new SmtpConnection(socket, new Session(context, listener, '192.0.2.7'));
      this.connections.add(connection);
      void connection.run().finally(() => this.connections.delete(connection));
    });
  }

  static async start(options: HarnessOptions = {}): Promise<Harness> {
    const harness = new Harness(options);
    await new Promise<void>((resolve) => harness.#server.listen(0, '127.0.0.1', resolve));
    return harness;
  }

  #context(): SmtpContext {
    const directory: Partial<Client<typeof storage.DirectoryServiceDefinition>> = {
      authenticate: async ({ username, password }) => {
        if (username === 'alice@example.test' && password === 'right')
          return { accountId: 'a1', address: username, credentialVersion: 1 };
        throw new StoaError('unauthenticated', 'no');
      },
      checkSender: async ({ address }) => ({ allowed: address === 'alice@example.test' }),
      listDomains: async () => ({ domains: [{ name: 'example.test', createdAt: 0 }] }),
      resolveRecipient: async ({ address }) => resolve(address ?? ''),
    };
    const mail: Partial<Client<typeof storage.MailServiceDefinition>> = {
      deliver: (requests) => this.#deliver(requests),
    };
    const base = smtpConfig.parse({});
    return {
      config: { ...base, ...this.#options.config },
      node: { id: '1', incarnation: 1, hostname: 'mx.example.test', demo: true },
      mail: mail as SmtpContext['mail'],
      directory: directory as SmtpContext['directory'],
      accounts: { accepts: () => true },
      certificates: { available: false, secureContext: () => undefined, onChange: () => () => {} },
      logger,
      metrics: createMetrics(),
      now: () => Date.UTC(2026, 0, 1),
      random: (octets) => Buffer.alloc(octets, 7),
    };
  }

  async #deliver(requests: AsyncIterable<DeepPartial<Storage.DeliverRequest>>): Promise<Storage.DeliverResponse> {
    let envelope: Storage.DeliveryEnvelope | undefined;
    const body: Uint8Array[] = [];
    for await (const { part } of requests) {
      if (part?.$case === 'envelope')
        envelope = storage.DeliveryEnvelope.fromPartial(part.value as Storage.DeliveryEnvelope);
      else if (part?.$case === 'data') body.push(part.value as Uint8Array);
    }
    if (envelope === undefined) throw new StoaError('invalid-argument', 'no envelope');
    this.keys.push(envelope.idempotencyKey);
    const failure = this.#options.failures?.shift();
    if (failure !== undefined) throw failure;
    this.delivered.push({ envelope, body: Buffer.concat(body).toString('latin1') });
    const results = envelope.recipients.map((recipient) => this.#options.results?.(recipient) ?? {});
    return storage.DeliverResponse.fromPartial({ results });
  }

  /** Sends octets in the given pieces and returns all that the server says until it, or the client after QUIT, ends. */
  async talk(...pieces: (string | Buffer)[]): Promise<string> {
    const socket = this.connect();
    let said = '';
    socket.on('data', (octets: Buffer) => {
      said += octets.toString('latin1');
    });
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    for (const piece of pieces) {
      if (socket.destroyed) break;
      await new Promise<void>((resolve) =>
        socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece, () => resolve()),
      );
    }
    await ended;
    return said;
  }

  connect(): Socket {
    const { port } = this.#server.address() as { port: number };
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => socket.destroy());
    return socket;
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** alice, bob; list leads to both; full and off cannot take mail; everything else of example.test is unknown. */
function resolve(address: string): Storage.ResolveRecipientResponse {
  const target = (accountId: string, more: DeepPartial<Storage.ResolveRecipientResponse_Target> = {}) => ({
    accountId,
    address,
    ...more,
  });
  const known: Record<string, DeepPartial<Storage.ResolveRecipientResponse_Target>[]> = {
    'alice@example.test': [target('a1')],
    'bob@example.test': [target('b1')],
    postmaster: [target('a1')],
    'list@example.test': [
      target('a1', { address: 'alice@example.test' }),
      target('b1', { address: 'bob@example.test' }),
    ],
    'full@example.test': [target('f1', { overQuota: true })],
    'off@example.test': [target('o1', { disabled: true })],
  };
  if (address.toLowerCase() === 'down@example.test') throw new StoaError('unavailable', 'the directory is away');
  const targets = known[address.toLowerCase()];
  if (targets !== undefined) return storage.ResolveRecipientResponse.fromPartial({ kind: Kind.KIND_LOCAL, targets });
  return storage.ResolveRecipientResponse.fromPartial({
    kind: address.endsWith('@example.test') ? Kind.KIND_UNKNOWN : Kind.KIND_REMOTE,
  });
}
