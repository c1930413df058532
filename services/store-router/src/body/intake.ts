import { createHash, hash } from 'node:crypto';
import { StoaError } from '@stoa/plugin-sdk';
import { SpoolFile } from './spool.ts';

/** Finds a message's envelope and MIME structure while the message streams in. */
export interface StructureBuilder {
  write(chunk: Uint8Array): void;
  /** The encoded structure. */
  finish(): Uint8Array;
}

export interface IntakeOptions {
  /** Octets that a message may have. */
  maxBytes: number;
  /** Octets up to which a message is kept in memory. */
  memoryBytes: number;
  /** Folder for the rest of larger ones. */
  spoolDirectory: string;
  newStructure(): StructureBuilder;
}

/** A message that was received completely. */
export interface Body {
  /** SHA-256. */
  readonly id: Uint8Array;
  readonly size: number;
  readonly structure: Uint8Array;
  /** The content in one piece, where it was kept in memory. */
  readonly whole?: Uint8Array | undefined;
  /** The content, from the beginning at each call. */
  content(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Frees what the body takes up; twice is no harm. */
  close(): Promise<void>;
}

/**
 * Receives a message. `expected`: the octets announced, undefined when they were not; another number is refused with
 * `invalid-argument`, one beyond the limit with `too-large`.
 */
export async function receiveBody(
  chunks: AsyncIterable<Uint8Array>,
  options: IntakeOptions,
  expected?: number,
): Promise<Body> {
  if (expected !== undefined && expected > options.maxBytes) throw tooLarge(options);
  const structure = options.newStructure();
  let kept: Uint8Array[] = [];
  let keptBytes = 0;
  let size = 0;
  let spool: SpoolFile | undefined;
  let digest: ReturnType<typeof createHash> | undefined;
  try {
    for await (const chunk of chunks) {
      if (chunk.length === 0) continue;
      size += chunk.length;
      if (size > options.maxBytes) throw tooLarge(options);
      structure.write(chunk);
      kept.push(chunk);
      keptBytes += chunk.length;
      if (size > options.memoryBytes) {
        if (spool === undefined) {
          spool = await SpoolFile.create(options.spoolDirectory);
          digest = createHash('sha256');
        }
        for (const part of kept) digest!.update(part);
        await spool.write(kept);
        kept = [];
        keptBytes = 0;
      }
    }
    if (expected !== undefined && size !== expected) {
      throw new StoaError('invalid-argument', `the message has ${size} octets, ${expected} were announced`);
    }
  } catch (error) {
    await spool?.close();
    throw error;
  }
  const file = spool;
  if (file !== undefined) {
    let closed = false;
    return {
      id: digest!.digest(),
      size,
      structure: structure.finish(),
      content: () => file.read(),
      async close() {
        if (closed) return;
        closed = true;
        await file.close();
      },
    };
  }
  const whole = kept.length === 1 ? kept[0]! : Buffer.concat(kept, keptBytes);
  const id = hash('sha256', whole, 'buffer');
  return { id, size, structure: structure.finish(), whole, content: () => [whole], close: async () => {} };
}

function tooLarge(options: IntakeOptions): StoaError {
  return new StoaError('too-large', `a message may have at most ${options.maxBytes} octets`);
}
