import { BinaryReader, BinaryWriter } from '../account/binary.ts';

const VERSION = 1;

const STEPS = ['blobs', 'rows', 'verifying'] as const;

/** How far a migration is, as the store that is filled says. */
export interface MigrationCursor {
  readonly id: string;
  readonly step: (typeof STEPS)[number];
  /** Last row that was copied (or compared), or last blob; empty at the beginning of a step. */
  readonly after: Uint8Array;
  /** Rows or blobs of this step that are done. */
  readonly done: number;
}

export function encodeCursor({ id, step, after, done }: MigrationCursor): Uint8Array {
  return new BinaryWriter().number(VERSION).string(id).number(STEPS.indexOf(step)).bytes(after).number(done).finish();
}

export function decodeCursor(bytes: Uint8Array): MigrationCursor {
  const reader = new BinaryReader(bytes, 'migration cursor');
  reader.version(VERSION);
  const id = reader.string();
  const number = reader.number();
  const step = STEPS[number];
  if (step === undefined) throw reader.fail(`step ${number}`);
  return { id, step, after: reader.bytes(), done: reader.number() };
}
