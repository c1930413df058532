import type { coordinator } from '@stoa/contracts';
import { ALL_STREAMS, COMMON_STREAM } from './streams.ts';

/** Most nodes that are watched; a cluster has far fewer. Beyond it the first that were heard of are forgotten, which costs a re-read. */
const NODES_LIMIT = 10_000;

/** Starts of one node that are watched at the same time: the one that runs, and late words of those before. */
const INCARNATIONS_LIMIT = 4;

/** How far back it is known which numbers were seen: one bit each of a 32-bit word. */
const WINDOW = 32;

export type Verdict =
  /** To be taken. `ofAll`: the gap concerns all streams of the sender. */
  | { take: true; gap: string | undefined; ofAll?: true }
  /** Seen already. */
  | { take: false };

/** What was seen of one stream of one start of a node. */
interface Seen {
  /** The highest number that was seen, or need not be waited for any more. */
  highest: number;
  /** Which of the 32 numbers up to it were seen (bit 0 is the highest itself). */
  bits: number;
  /** The number that the sender's last heartbeat named. */
  announced: number;
}

type Streams = Map<number, Seen>;

export interface AnnounceOptions {
  /** Whether this node listens to a stream. */
  listens(stream: number): boolean;
  /** No heartbeat follows this one. */
  last: boolean;
  /** The heartbeat itself showed a gap, so that everything of the sender is read anew. */
  forgiven: boolean;
}

/**
 * Watches each sender's numbers, on each of its streams. A jump, or a start that was not heard of, is a gap: something of this sender may have been
 * missed. What comes late is taken all the same, for a hint too many does no harm; so a garbled number cannot make a node
 * deaf to what follows. Starts are told apart but not ranked, because a clock may have been set back between two of them.
 */
export class SequenceWatch {
  readonly #nodes = new Map<string, Map<number, Streams>>();
  readonly #nodesLimit: number;
  #forgot = false;

  constructor(nodesLimit = NODES_LIMIT) {
    this.#nodesLimit = nodesLimit;
  }

  see(nodeId: string, incarnation: number, sequence: number, stream = COMMON_STREAM): Verdict {
    const starts = this.#nodes.get(nodeId);
    const streams = starts?.get(incarnation);
    if (streams !== undefined) {
      const verdict = follow(seenOf(streams, stream), sequence);
      if (verdict.take && verdict.gap !== undefined && stream === COMMON_STREAM) verdict.ofAll = true;
      return verdict;
    }
    const gap = this.#gapBefore(starts !== undefined, sequence);
    const seen = { highest: sequence, bits: 1, announced: 0 };
    this.#remember(nodeId, starts ?? new Map(), incarnation, new Map([[stream, seen]]));
    return gap === undefined ? { take: true, gap } : { take: true, gap, ofAll: true };
  }

  /**
   * A heartbeat told how far its sender is on the other streams. Returns those on which something is missing. A heartbeat may
   * overtake what was sent before it on other streams, so what it tells is due with the heartbeat after it, or at once when
   * none follows. Of streams that this node does not listen to nothing is missed; it begins with what was told last.
   */
  announce(
    nodeId: string,
    incarnation: number,
    positions: readonly coordinator.StreamPosition[],
    { listens, last, forgiven }: AnnounceOptions,
  ): number[] {
    const streams = this.#nodes.get(nodeId)?.get(incarnation);
    if (streams === undefined) return [];
    const behind: number[] = [];
    for (const { stream, sequence } of positions) {
      if (!ALL_STREAMS.has(stream)) continue;
      const seen = seenOf(streams, stream);
      const isMissed = listens(stream) && !forgiven;
      const due = isMissed && !last ? seen.announced : sequence;
      seen.announced = sequence;
      if (due <= seen.highest) continue;
      advance(seen, due);
      if (isMissed) behind.push(stream);
    }
    return behind;
  }

  #remember(nodeId: string, starts: Map<number, Streams>, incarnation: number, streams: Streams): void {
    starts.set(incarnation, streams);
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

function seenOf(streams: Streams, stream: number): Seen {
  const found = streams.get(stream);
  if (found !== undefined) return found;
  const seen = { highest: 0, bits: 0, announced: 0 };
  streams.set(stream, seen);
  return seen;
}

/** Up to a number, what was not seen is not waited for any more. */
function advance(seen: Seen, to: number): void {
  const ahead = to - seen.highest;
  seen.highest = to;
  seen.bits = ahead >= WINDOW ? 0 : seen.bits << ahead;
}

function follow(seen: Seen, sequence: number): Verdict {
  const ahead = sequence - seen.highest;
  if (ahead > 0) {
    advance(seen, sequence);
    seen.bits |= 1;
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
