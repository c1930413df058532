/**
 * Why stored bytes are no structure:
 * - `newer-version`: written by a newer Stoa; parse the message again instead
 * - `corrupt`: cut off or damaged
 */
export type StructureErrorCode = 'newer-version' | 'corrupt';

export class StructureError extends Error {
  readonly code: StructureErrorCode;

  constructor(code: StructureErrorCode, message: string) {
    super(message);
    this.name = 'StructureError';
    this.code = code;
  }
}
