import { BinaryReader, BinaryWriter } from '../account/binary.ts';

/** Revision 2: with the run. */
const VERSION = 2;

const STEPS = ['blobs', 'rows', 'verifying'] as const;

/** How far a migration is, as the store that is filled says. */
export interface MigrationCursor {
  readonly id: string;
  readonly step: (typeof STEPS)[number];
  /** Last row that was copied, or last blob; empty at the beginning of a step. */
  readonly after: Uint8Array;
  /** Blobs or rows that were copied; in the step `verifying` all rows that there are to compare. */
  readonly done: number;
  /** Random; another each time that the migration is begun or goes on. */
  readonly run: string;
}

export function encodeCursor({ id, step, after, done, run }: MigrationCursor): Uint8Array {
  const writer = new BinaryWriter().number(VERSION).string(id).number(STEPS.indexOf(step));
  return writer.bytes(after).number(done).string(run).finish();
}

export function decodeCursor(bytes: Uint8Array): MigrationCursor {
  const reader = new BinaryReader(bytes, 'migration cursor');
  const version = reader.version(VERSION);
  const id = reader.string();
  const number = reader.number();
  const step = STEPS[number];
  if (step === undefined) throw reader.fail(`step ${number}`);
  return { id, step, after: reader.bytes(), done: reader.number(), run: version >= 2 ? reader.string() : '' };
}
