const LENGTH_BYTES = 4;

/** A message on the wire: its length, the length of its topic, the topic, the payload. */
export function frame(topic, payload) {
  const name = Buffer.from(topic);
  const head = Buffer.alloc(LENGTH_BYTES + 2);
  head.writeUInt32BE(2 + name.length + payload.length);
  head.writeUInt16BE(name.length, LENGTH_BYTES);
  return Buffer.concat([head, name, payload]);
}

/** What a publisher says before it leaves: whoever hears it has heard everything. */
export const GOODBYE = Buffer.alloc(LENGTH_BYTES);

/** Puts frames together from what arrives. */
export class FrameReader {
  #pending = Buffer.alloc(0);

  /** The frames that are whole now; `undefined` stands for a goodbye. */
  *read(octets) {
    this.#pending = this.#pending.length === 0 ? octets : Buffer.concat([this.#pending, octets]);
    while (this.#pending.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#pending.readUInt32BE();
      if (this.#pending.length < end) return;
      const body = this.#pending.subarray(LENGTH_BYTES, end);
      this.#pending = this.#pending.subarray(end);
      if (body.length === 0) yield undefined;
      else {
        const topicEnd = 2 + body.readUInt16BE();
        yield { topic: body.toString('utf8', 2, topicEnd), payload: body.subarray(topicEnd) };
      }
    }
  }
}
