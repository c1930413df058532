import { createHash } from 'node:crypto';
import { type Range, successor, TABLE } from './keys.ts';

const QUEUE = { entry: 0x01, due: 0x02, idempotency: 0x03, notice: 0x04 } as const;
const LEASE = { owner: 0x01, expiry: 0x02 } as const;

export function entryKey(id: string): Buffer {
  return Buffer.concat([Buffer.from([TABLE.queue, QUEUE.entry]), Buffer.from(id, 'utf8')]);
}

export function entries(): Range {
  const start = Buffer.from([TABLE.queue, QUEUE.entry]);
  return { start, end: successor(start) };
}

/** Place of an entry in the order of the times at which entries are due; the value is the entry's domain. */
export function dueKey(dueAt: number, id: string): Buffer {
  const head = Buffer.alloc(10);
  head[0] = TABLE.queue;
  head[1] = QUEUE.due;
  head.writeBigUInt64BE(BigInt(dueAt), 2);
  return Buffer.concat([head, Buffer.from(id, 'utf8')]);
}

/** Entries due before a time; all of them without one. */
export function dueBefore(time?: number): Range {
  const start = Buffer.from([TABLE.queue, QUEUE.due]);
  return { start, end: time === undefined ? successor(start) : dueKey(time, '') };
}

/** Of a key by `dueKey` or `noticeKey`, whose name is the id then. */
export function parseDueKey(key: Uint8Array): { dueAt: number; id: string } {
  const buffer = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return { dueAt: Number(buffer.readBigUInt64BE(2)), id: buffer.toString('utf8', 10) };
}

/** A notice to be sent, in the order of the times at which that is tried. */
export function noticeKey(dueAt: number, name: string): Buffer {
  const key = dueKey(dueAt, name);
  key[1] = QUEUE.notice;
  return key;
}

/** Notices due before a time; all of them without one. */
export function noticesBefore(time?: number): Range {
  const start = Buffer.from([TABLE.queue, QUEUE.notice]);
  return { start, end: time === undefined ? successor(start) : noticeKey(time, '') };
}

/** Remembers that a message was queued. The key itself may be long, so its hash stands for it. */
export function queuedKey(idempotencyKey: string): Buffer {
  return Buffer.concat([
    Buffer.from([TABLE.queue, QUEUE.idempotency]),
    createHash('sha256').update(idempotencyKey).digest(),
  ]);
}

export function queuedKeys(): Range {
  const start = Buffer.from([TABLE.queue, QUEUE.idempotency]);
  return { start, end: successor(start) };
}

/** Who owns a lease; changes only when the owner does. */
export function leaseOwnerKey(name: string): Buffer {
  return Buffer.concat([Buffer.from([TABLE.lease, LEASE.owner]), Buffer.from(name, 'utf8')]);
}

/** Until when. */
export function leaseExpiryKey(name: string): Buffer {
  return Buffer.concat([Buffer.from([TABLE.lease, LEASE.expiry]), Buffer.from(name, 'utf8')]);
}
