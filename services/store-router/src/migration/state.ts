import { StoaError } from '@stoa/plugin-sdk';
import { BinaryReader, BinaryWriter } from '../account/binary.ts';

const VERSION = 1;

const PHASES = ['copying', 'held', 'moved'] as const;

/**
 * What the store that is left says about a migration.
 *
 * - `copying`: every commit notes in the journal which rows it touched.
 * - `held`: the last moments. Commits are refused as temporarily impossible until `heldUntil`, after which whoever wants to
 *   commit takes the migration back to `copying`: whoever moved the data may have died.
 * - `moved`: the data are elsewhere. Nothing is written here any more.
 */
export interface MigrationState {
  /** Random; the store that is filled carries it too. */
  readonly id: string;
  readonly phase: (typeof PHASES)[number];
  /** Milliseconds since 1970-01-01 UTC; when the phase began. */
  readonly at: number;
  /** Milliseconds since 1970-01-01 UTC; only for `held`. */
  readonly heldUntil: number;
  /** Where to, for people: driver and address without secrets. */
  readonly target: string;
}

export function encodeMigrationState(state: MigrationState): Uint8Array {
  const { id, phase, at, heldUntil, target } = state;
  const writer = new BinaryWriter().number(VERSION).string(id).number(PHASES.indexOf(phase));
  return writer.number(at).number(heldUntil).string(target).finish();
}

export function decodeMigrationState(bytes: Uint8Array): MigrationState {
  const reader = new BinaryReader(bytes, 'migration state');
  reader.version(VERSION);
  const id = reader.string();
  const number = reader.number();
  const phase = PHASES[number];
  if (phase === undefined) throw reader.fail(`phase ${number}`);
  return { id, phase, at: reader.number(), heldUntil: reader.number(), target: reader.string() };
}

/** For whoever wants to work with data that are elsewhere. */
export function movedAway({ at, target }: MigrationState): StoaError {
  const when = new Date(at).toISOString();
  return new StoaError(
    'failed-precondition',
    `the data of this store were moved to ${target} at ${when}; start with the configuration that names that store`,
  );
}
