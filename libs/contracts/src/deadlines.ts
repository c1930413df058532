/** Longest delay that a Node timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Lengths of time that have a queue of their own, at most; calls of other lengths have a timer each. */
const MAX_QUEUES = 64;

/** What is to happen when the time of something is over. Not used twice. */
export interface Expiry {
  expire(): void;
}

interface Place {
  readonly owner: Expiry | undefined;
  readonly due: number;
  before: Place;
  after: Place;
}

/** Those that wait for the same length of time: they end in the order in which they began, so one timer does for all. */
class Queue {
  readonly #ms: number;
  readonly #gone: () => void;
  /** Before the first and after the last. */
  readonly #ring: Place;

  constructor(ms: number, gone: () => void) {
    this.#ms = ms;
    this.#gone = gone;
    const ring = { owner: undefined, due: 0 } as unknown as Place;
    ring.before = ring;
    ring.after = ring;
    this.#ring = ring;
    this.#wake(ms);
  }

  add(owner: Expiry): () => void {
    const ring = this.#ring;
    const place: Place = { owner, due: performance.now() + this.#ms, before: ring.before, after: ring };
    ring.before.after = place;
    ring.before = place;
    return () => leave(place);
  }

  /** The timer is not stopped when nobody waits any more: it finds that out, and the queue goes. */
  #wake(ms: number): void {
    setTimeout(() => this.#look(), Math.ceil(ms)).unref();
  }

  #look(): void {
    const now = performance.now();
    for (let first = this.#ring.after; first.due <= now && first !== this.#ring; first = this.#ring.after) {
      leave(first);
      first.owner?.expire();
    }
    if (this.#ring.after === this.#ring) this.#gone();
    else this.#wake(this.#ring.after.due - now);
  }
}

/** May be called again. */
function leave(place: Place): void {
  place.before.after = place.after;
  place.after.before = place.before;
  place.before = place;
  place.after = place;
}

const queues = new Map<number, Queue>();

/**
 * Calls `expire` after so many milliseconds, unless what is returned was called before. For limits that hardly ever come to pass:
 * most calls of a process have the same, and to begin and end one takes no timer.
 */
export function expireAfter(ms: number, owner: Expiry): () => void {
  if (ms > MAX_TIMER_MS) return () => {};
  let queue = queues.get(ms);
  if (queue === undefined) {
    if (queues.size >= MAX_QUEUES || ms <= 0) {
      const timer = setTimeout(() => owner.expire(), ms).unref();
      return () => clearTimeout(timer);
    }
    queue = new Queue(ms, () => queues.delete(ms));
    queues.set(ms, queue);
  }
  return queue.add(owner);
}
