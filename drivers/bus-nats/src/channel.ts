import type { BusListener, DriverLogger } from '@stoa/plugin-sdk';

/** A listener; it hears messages from its first `connected` on, also between a `gap` and the next `connected`. */
interface Member {
  readonly listener: BusListener;
  welcomed: boolean;
}

/** The listeners of one subject. */
export class Channel {
  readonly subject: string;
  readonly #logger: DriverLogger;
  readonly #members = new Set<Member>();
  #stands = false;

  constructor(subject: string, logger: DriverLogger) {
    this.subject = subject;
    this.#logger = logger;
  }

  /** Every message that is published now comes here. */
  get stands(): boolean {
    return this.#stands;
  }

  get empty(): boolean {
    return this.#members.size === 0;
  }

  /** The listener hears `connected` at once when the channel stands. Returns how to take it away again. */
  add(listener: BusListener): () => void {
    const member = { listener, welcomed: false };
    this.#members.add(member);
    if (this.#stands) this.#welcome(member);
    return () => this.#members.delete(member);
  }

  up(): void {
    if (this.#stands) return;
    this.#stands = true;
    for (const member of [...this.#members]) this.#welcome(member);
  }

  down(reason: string): void {
    if (!this.#stands) return;
    this.#stands = false;
    this.#tell((listener) => listener.gap(reason));
  }

  /** Each listener gets octets of its own. */
  message(payload: Uint8Array): void {
    this.#tell((listener) => listener.message(new Uint8Array(payload)));
  }

  #welcome(member: Member): void {
    member.welcomed = true;
    this.#guard(() => member.listener.connected());
  }

  #tell(call: (listener: BusListener) => void): void {
    for (const member of [...this.#members]) {
      if (member.welcomed && this.#members.has(member)) this.#guard(() => call(member.listener));
    }
  }

  /** An error of one listener is its own. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error({ err: error }, 'a listener of the bus failed');
    }
  }
}
