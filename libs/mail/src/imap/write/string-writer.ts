import type { ByteWriter } from './byte-writer.ts';

/** Arguments of a client's command that are strings, with the spaces between them. */
export class StringWriter {
  readonly #writer: ByteWriter;
  readonly #literals: boolean;
  #first = false;

  constructor(writer: ByteWriter, literals: boolean) {
    this.#writer = writer;
    this.#literals = literals;
  }

  /** Begins a parenthesized list. */
  open(): this {
    this.#writer.raw(this.#first ? '(' : ' (');
    this.#first = true;
    return this;
  }

  close(): this {
    this.#writer.raw(')');
    this.#first = false;
    return this;
  }

  text(text: string): this {
    return this.octets(Buffer.from(text, 'utf8'));
  }

  /** Quoted where that is possible and wanted, else a non-synchronizing literal. */
  octets(octets: Buffer): this {
    const writer = this.#writer;
    if (!this.#first) writer.raw(' ');
    this.#first = false;
    if (this.#literals || octets.some((octet) => octet > 0x7e || octet < 0x20)) {
      writer.raw(`{${octets.length}+}\r\n`).octets(octets);
    } else writer.raw(`"${octets.toString('latin1').replaceAll(/["\\]/g, '\\$&')}"`);
    return this;
  }
}
