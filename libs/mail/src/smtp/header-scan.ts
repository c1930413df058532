/** Longest name that is looked for, its colon and some blanks before it. */
const PREFIX = 24;
const COLON = 0x3a;

/** What a server must know of a header block without parsing it. */
export interface HeaderFacts {
  /** Received fields: RFC 5321 section 6.3 finds loops by their number. */
  received: number;
  hasDate: boolean;
  hasMessageId: boolean;
  hasFrom: boolean;
}

/** Sees the lines of a message until the first empty one; parts of a line may come one by one. */
export class HeaderScan implements HeaderFacts {
  received = 0;
  hasDate = false;
  hasMessageId = false;
  hasFrom = false;
  readonly #prefix = Buffer.allocUnsafe(PREFIX);
  #length = 0;

  text(chunk: Buffer, start: number, end: number): void {
    if (this.#length < PREFIX) this.#length += chunk.copy(this.#prefix, this.#length, start, end);
  }

  /** Whether the line that ends was empty, which ends the header block. */
  endLine(): boolean {
    const length = this.#length;
    this.#length = 0;
    if (length === 0) return true;
    // A continuation, and anything that begins with none of d, f, m, r.
    const first = this.#prefix[0]! | 0x20;
    if (first !== 0x64 && first !== 0x66 && first !== 0x6d && first !== 0x72) return false;
    const colon = this.#prefix.indexOf(COLON);
    if (colon < 0 || colon >= length) return false;
    // RFC 5322 section 4.5.8: obsolete fields may have blanks before the colon.
    switch (this.#prefix.toString('latin1', 0, colon).trimEnd().toLowerCase()) {
      case 'received':
        this.received++;
        break;
      case 'date':
        this.hasDate = true;
        break;
      case 'message-id':
        this.hasMessageId = true;
        break;
      case 'from':
        this.hasFrom = true;
        break;
    }
    return false;
  }
}
