import { coordinator } from '@stoa/contracts';

const { Member_State: State } = coordinator;

export interface MembershipTimes {
  heartbeatMs: number;
  suspectAfterMs: number;
  deadAfterMs: number;
}

export interface MembershipChange {
  nodeId: string;
  from: coordinator.Member_State | undefined;
  to: coordinator.Member_State;
}

interface Entry {
  member: coordinator.Member;
  /** From when its silence counts. Not `lastSeenAt`: time in which this node could not listen does not count. */
  quietSince: number;
}

/** How long a node that is gone stays on the list. */
const FORGET_AFTER_MS = 24 * 3_600_000;

/** Members that are kept; beyond it those not heard for longest are forgotten. */
const MEMBERS_LIMIT = 10_000;

/** Starts that gave way and are remembered, at most; each says so again with every heartbeat. */
const REFUSED_LIMIT = 1_000;

/** A tick so many intervals late means that this process was paused or its clock was set, not that everybody fell silent. */
const LATE_TICKS = 3;

/** Who is in the cluster, as this node has heard. Time comes from the receiver's clock alone, so skewed clocks do no harm. */
export class Membership {
  readonly #times: MembershipTimes;
  /** Ordered by when they were last heard. */
  readonly #entries = new Map<string, Entry>();
  /** Starts that do not have the id that they bear: node id and incarnation. */
  readonly #refused = new Set<string>();
  #lastTick: number | undefined;

  constructor(times: MembershipTimes) {
    this.#times = times;
  }

  list(): coordinator.Member[] {
    return [...this.#entries.values()].map(({ member }) => member).sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  }

  get(nodeId: string): coordinator.Member | undefined {
    return this.#entries.get(nodeId)?.member;
  }

  /** Anything heard from a node shows that it lives; a heartbeat tells more about it. */
  heard(
    nodeId: string,
    incarnation: number,
    heartbeat: coordinator.Heartbeat | undefined,
    now: number,
  ): MembershipChange[] {
    if (this.#refused.has(`${nodeId} ${incarnation}`)) return [];
    const known = this.#entries.get(nodeId)?.member;
    if (known !== undefined && !succeeds(incarnation, known)) return [];
    const to = heartbeat?.leaving === true ? State.STATE_LEFT : State.STATE_ALIVE;
    // What a node sent before it left may arrive after; it does not bring it back.
    if (known?.state === State.STATE_LEFT && known.incarnation === incarnation && to === State.STATE_ALIVE) return [];
    const { host, version, services, sessions, draining, drained } = heartbeat ?? known ?? NOTHING;
    this.#entries.delete(nodeId);
    this.#entries.set(nodeId, {
      member: {
        ...{ nodeId, incarnation, state: to, host, version, services, sessions, draining, drained },
        lastSeenAt: now,
      },
      quietSince: now,
    });
    if (this.#entries.size > MEMBERS_LIMIT) this.#entries.delete(this.#entries.keys().next().value as string);
    return known?.state === to && known.incarnation === incarnation ? [] : [{ nodeId, from: known?.state, to }];
  }

  /** A start gave way to another that has the node id: it is no member, and what it says shows nothing of the other. */
  refuse(nodeId: string, incarnation: number): void {
    if (this.#refused.size >= REFUSED_LIMIT) this.#refused.clear();
    this.#refused.add(`${nodeId} ${incarnation}`);
    if (this.#entries.get(nodeId)?.member.incarnation === incarnation) this.#entries.delete(nodeId);
  }

  /**
   * Lets time pass: silent nodes become suspect, then dead, and are forgotten after a day. While this node itself hears
   * nothing (`listening` is false) nobody is declared dead.
   */
  tick(now: number, listening: boolean): MembershipChange[] {
    const elapsed = now - (this.#lastTick ?? now);
    this.#lastTick = now;
    const { heartbeatMs } = this.#times;
    if (elapsed < 0 || elapsed > LATE_TICKS * heartbeatMs) this.#discount(elapsed - heartbeatMs);
    const changes: MembershipChange[] = [];
    for (const [nodeId, { member, quietSince }] of this.#entries) {
      const silentMs = now - quietSince;
      if (silentMs > FORGET_AFTER_MS) {
        this.#entries.delete(nodeId);
        continue;
      }
      const to = this.#stateAfter(member.state, silentMs, listening);
      if (to === member.state) continue;
      this.#entries.set(nodeId, { quietSince, member: { ...member, state: to } });
      changes.push({ nodeId, from: member.state, to });
    }
    return changes;
  }

  /** This node hears again: the silence of the others counts from now. */
  listeningAgain(now: number): void {
    for (const entry of this.#entries.values()) if (isUp(entry.member.state)) entry.quietSince = now;
  }

  #discount(ms: number): void {
    for (const entry of this.#entries.values()) entry.quietSince += ms;
  }

  #stateAfter(state: coordinator.Member_State, silentMs: number, listening: boolean): coordinator.Member_State {
    if (!isUp(state)) return state;
    if (silentMs >= this.#times.deadAfterMs && listening) return State.STATE_DEAD;
    return silentMs >= this.#times.suspectAfterMs ? State.STATE_SUSPECT : state;
  }
}

const NOTHING = { host: '', version: '', services: [] as string[], sessions: 0, draining: false, drained: false };

function isUp(state: coordinator.Member_State): boolean {
  return state === State.STATE_ALIVE || state === State.STATE_SUSPECT;
}

/** An earlier start counts only once the later one is gone: then a clock was set back between them. */
function succeeds(incarnation: number, known: coordinator.Member): boolean {
  return incarnation >= known.incarnation || !isUp(known.state);
}

export function stateName(state: coordinator.Member_State | undefined): string {
  switch (state) {
    case State.STATE_ALIVE:
      return 'alive';
    case State.STATE_SUSPECT:
      return 'suspect';
    case State.STATE_DEAD:
      return 'dead';
    case State.STATE_LEFT:
      return 'left';
    default:
      return 'unknown';
  }
}
