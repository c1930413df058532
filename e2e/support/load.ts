import { createHash, randomBytes } from 'node:crypto';
import { ImapFlow } from 'imapflow';
import { createTransport } from 'nodemailer';
import type { Node } from '../../tools/cluster/local-cluster.ts';

export const digest = (octets: Uint8Array | string) => createHash('sha256').update(octets).digest('hex');

/** What one attempt to store a message led to. */
export interface Outcome {
  readonly acknowledged: boolean;
  /** Of the body. */
  readonly digest: string;
  /** What the server said: an SMTP reply, or an IMAP response without its tag. */
  readonly reply: string;
}

/** An account, and the node through which it is reached. */
export interface Place {
  node: { host: string; listeners: Pick<Node['listeners'], 'smtp' | 'imaps'> };
  /** Its address. */
  account: string;
  password: string;
}

export interface LoadOptions extends Place {
  /** Octets of a body, about. */
  size: number;
}

const PAUSE_MS = 50;

/** Stores messages one after the other, and keeps what the server said, until it is told to stop. */
export abstract class Load {
  readonly outcomes: Outcome[] = [];
  protected readonly options: LoadOptions;
  #work: Promise<void> | undefined;
  #running = true;

  constructor(options: LoadOptions) {
    this.options = options;
  }

  start(): this {
    this.#work ??= this.#repeat();
    return this;
  }

  async #repeat(): Promise<void> {
    while (this.#running) {
      const body = `${randomBytes(this.options.size / 2)
        .toString('hex')
        .replaceAll(/.{76}/g, '$&\r\n')}\r\n`;
      const refusal = await this.store(body).then(
        () => undefined,
        (error: unknown) => replyOf(error),
      );
      this.outcomes.push({ acknowledged: refusal === undefined, digest: digest(body), reply: refusal ?? '' });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    this.close();
  }

  /** Resolves when the server acknowledged it. */
  protected abstract store(body: string): Promise<void>;
  protected abstract close(): void;

  get acknowledged(): string[] {
    return this.outcomes.filter((outcome) => outcome.acknowledged).map((outcome) => outcome.digest);
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#work;
  }
}

function replyOf(error: unknown): string {
  const { response, message } = error as { response?: unknown; message: string };
  // Of an IMAP response without its tag.
  return typeof response === 'string' ? response.replace(/^\w+ (?=NO |BAD )/, '') : `no reply: ${message}`;
}

/** Delivers by SMTP, a connection each. */
export class SmtpLoad extends Load {
  protected async store(body: string): Promise<void> {
    const { node, account } = this.options;
    const transport = createTransport({
      host: node.host,
      port: node.listeners.smtp,
      tls: { rejectUnauthorized: false },
      connectionTimeout: 5_000,
      socketTimeout: 60_000,
    });
    const raw = `From: out@elsewhere.test\r\nTo: ${account}\r\nSubject: s\r\n\r\n${body}`;
    await transport.sendMail({ envelope: { from: 'out@elsewhere.test', to: [account] }, raw });
  }

  protected close(): void {}
}

/** Appends by IMAP, on one connection while it lasts. */
export class AppendLoad extends Load {
  #client: ImapFlow | undefined;

  protected async store(body: string): Promise<void> {
    try {
      this.#client ??= await connect(this.options);
      if ((await this.#client.append('INBOX', `Subject: a\r\n\r\n${body}`)) === false) throw new Error('not appended');
    } catch (error) {
      this.close();
      throw error;
    }
  }

  protected close(): void {
    this.#client?.close();
    this.#client = undefined;
  }
}

/** Sets one keyword after the other on the first messages of INBOX; outcomes count changes, not messages. */
export class Flagging extends Load {
  #client: ImapFlow | undefined;
  #next = 0;
  readonly #keywords = new Map<number, (string | undefined)[]>();

  constructor(options: Place) {
    super({ ...options, size: 2 });
  }

  protected async store(): Promise<void> {
    this.#next += 1;
    const uid = 1 + (this.#next % 5);
    const keyword = `k${this.#next}`;
    // Without an answer it may be there or not.
    this.#keywords.set(uid, [...this.possible(uid), keyword]);
    try {
      if (this.#client === undefined) {
        this.#client = await connect(this.options);
        await this.#client.mailboxOpen('INBOX');
      }
      if (!(await this.#client.messageFlagsSet(String(uid), [keyword], { uid: true }))) throw new Error('not set');
      this.#keywords.set(uid, [keyword]);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  protected close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** UIDs of messages that it changed. */
  get touched(): number[] {
    return [...this.#keywords.keys()].sort((a, b) => a - b);
  }

  /** Keywords that a message may have now: the last that was acknowledged, or one that was tried since. */
  possible(uid: number): (string | undefined)[] {
    return this.#keywords.get(uid) ?? [undefined];
  }
}

export async function connect({
  node,
  account,
  password,
  qresync = false,
}: Place & { qresync?: boolean }): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: node.host,
    port: node.listeners.imaps,
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user: account, pass: password },
    logger: false,
    disableAutoIdle: true,
    qresync,
    connectionTimeout: 5_000,
    socketTimeout: 60_000,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}
