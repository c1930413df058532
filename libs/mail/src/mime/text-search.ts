import { foldCase } from './charset.ts';
import type { TextPiece, TextRange } from './text-extractor.ts';

/**
 * Looks for strings in a message's text regardless of case, while the pieces go by. Matches across pieces of one
 * range are found; of the text before, only as much as the longest string is held.
 */
export class TextSearch {
  private readonly needles: readonly string[];
  private readonly missing = new Set<number>();
  private readonly overlap: number;
  private range: TextRange | undefined;
  private tail = '';

  constructor(needles: readonly string[]) {
    this.needles = needles.map(foldCase);
    let longest = 0;
    for (const [index, needle] of this.needles.entries()) {
      // The empty string is in any text, and in none.
      if (needle !== '') this.missing.add(index);
      longest = Math.max(longest, needle.length);
    }
    this.overlap = Math.max(0, longest - 1);
  }

  /** True when all strings were found: no more text need be read. */
  get isDone(): boolean {
    return this.missing.size === 0;
  }

  /** Whether the string at that index was found so far. */
  found(index: number): boolean {
    return !this.missing.has(index);
  }

  push(piece: TextPiece): void {
    if (piece.range !== this.range) {
      this.range = piece.range;
      this.tail = '';
    }
    const text = this.tail + foldCase(piece.text);
    for (const index of this.missing) {
      if (text.includes(this.needles[index]!)) this.missing.delete(index);
    }
    this.tail = this.overlap === 0 ? '' : text.slice(-this.overlap);
  }
}
