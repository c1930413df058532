/** Most nodes that are watched; a cluster has far fewer. Beyond it the first that were heard of are forgotten, which costs a re-read. */
const NODES_LIMIT = 10_000;

/** Starts of one node that are watched at the same time: the one that runs, and late words of those before. */
const INCARNATIONS_LIMIT = 4;

/** How far back it is known which numbers were seen: one bit each of a 32-bit word. */
const WINDOW = 32;

export type Verdict =
  /** To be taken. */
  | { take: true; gap: string | undefined }
  /** Seen already. */
  | { take: false };

/** What was seen of one start of a node: the highest number, and which of the 32 up to it (bit 0 is the highest itself). */
interface Seen {
  highest: number;
  bits: number;
}

/**
 * Watches each sender's numbers. A jump, or a start that was not heard of, is a gap: something of this sender may have been
 * missed. What comes late is taken all the same, for a hint too many does no harm; so a garbled number cannot make a node
 * deaf to what follows. Starts are told apart but not ranked, because a clock may have been set back between two of them.
 */
export class SequenceWatch {
  readonly #nodes = new Map<string, Map<number, Seen>>();
  readonly #nodesLimit: number;
  #forgot = false;

  constructor(nodesLimit = NODES_LIMIT) {
    this.#nodesLimit = nodesLimit;
  }

  see(nodeId: string, incarnation: number, sequence: number): Verdict {
    const starts = this.#nodes.get(nodeId);
    const seen = starts?.get(incarnation);
    if (seen !== undefined) return follow(seen, sequence);
    const gap = this.#gapBefore(starts !== undefined, sequence);
    this.#remember(nodeId, starts ?? new Map(), incarnation, sequence);
    return { take: true, gap };
  }

  #remember(nodeId: string, starts: Map<number, Seen>, incarnation: number, sequence: number): void {
    starts.set(incarnation, { highest: sequence, bits: 1 });
    if (starts.size > INCARNATIONS_LIMIT) dropFirst(starts);
    this.#nodes.delete(nodeId);
    this.#nodes.set(nodeId, starts);
    if (this.#nodes.size <= this.#nodesLimit) return;
    dropFirst(this.#nodes);
    this.#forgot = true;
  }

  #gapBefore(nodeKnown: boolean, sequence: number): string | undefined {
    if (nodeKnown) return 'the node started anew';
    // Nothing is missing before the first word of a node that was never heard of.
    return sequence > 1 || this.#forgot ? 'first heard of in the middle' : undefined;
  }
}

function follow(seen: Seen, sequence: number): Verdict {
  const ahead = sequence - seen.highest;
  if (ahead > 0) {
    seen.highest = sequence;
    seen.bits = ahead >= WINDOW ? 1 : (seen.bits << ahead) | 1;
    return { take: true, gap: ahead === 1 ? undefined : `${ahead - 1} envelopes are missing` };
  }
  if (ahead <= -WINDOW) {
    seen.highest = sequence;
    seen.bits = 1;
    return { take: true, gap: 'the numbers went back' };
  }
  const bit = 1 << -ahead;
  if ((seen.bits & bit) !== 0) return { take: false };
  seen.bits |= bit;
  // What was missing before it was reported when the numbers jumped.
  return { take: true, gap: undefined };
}

function dropFirst<K>(map: Map<K, unknown>): void {
  const { value, done } = map.keys().next();
  if (done !== true) map.delete(value as K);
}
