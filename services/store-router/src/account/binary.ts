import { StoaError } from '@stoa/plugin-sdk';

/** Writes the values of rows: variable-length integers (7 bits an octet, the lowest first), octets and strings. */
export class BinaryWriter {
  #bytes = Buffer.allocUnsafe(256);
  #at = 0;

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + count));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }

  /** 0 to 2^53 - 1. */
  number(value: number): this {
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.number(bytes.length).raw(bytes);
  }

  string(text: string): this {
    return this.bytes(Buffer.from(text, 'utf8'));
  }

  strings(texts: readonly string[]): this {
    this.number(texts.length);
    for (const text of texts) this.string(text);
    return this;
  }

  numbers(values: readonly number[]): this {
    this.number(values.length);
    for (const value of values) this.number(value);
    return this;
  }

  finish(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#bytes, 0, this.#at);
  }
}

/** Bits of a version that number the revision. */
const REVISION_BITS = 4;

/** Reads what BinaryWriter wrote. Anything else fails with `data-loss`, naming the kind of row. */
export class BinaryReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  fail(problem: string): StoaError {
    return new StoaError('data-loss', `stored ${this.#what}: ${problem}`);
  }

  /**
   * The version that the row begins with: a generation (the high bits) and a revision (the low four). Revisions of one
   * generation differ only by what they append, so that a newer one is read as far as it is known; what a newer generation
   * wrote is left to newer nodes (docs/decisions/0008).
   */
  version(highest: number): number {
    const version = this.number();
    if (version === 0) throw this.fail('no version');
    if (version >> REVISION_BITS > highest >> REVISION_BITS) {
      throw new StoaError('unsupported-version', `stored ${this.#what}: version ${version} is newer than this program`);
    }
    return version;
  }

  number(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const octet = this.#bytes[this.#at++];
      if (octet === undefined) throw this.fail('cut short');
      value += (octet & 0x7f) * scale;
      if (octet < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw this.fail('integer too large');
        return value;
      }
      scale *= 0x80;
    }
    throw this.fail('integer too long');
  }

  raw(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw this.fail('cut short');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  bytes(): Buffer {
    return this.raw(this.number());
  }

  string(): string {
    return this.bytes().toString('utf8');
  }

  #count(): number {
    const count = this.number();
    if (count > this.#bytes.length - this.#at) throw this.fail('cut short');
    return count;
  }

  strings(): string[] {
    return Array.from({ length: this.#count() }, () => this.string());
  }

  numbers(): number[] {
    return Array.from({ length: this.#count() }, () => this.number());
  }

  rest(): Buffer {
    return this.raw(this.#bytes.length - this.#at);
  }
}
