import { coordinator } from '@stoa/contracts';

const { Member_State: State } = coordinator;

export interface MembershipTimes {
  suspectAfterMs: number;
  deadAfterMs: number;
}

export interface MembershipChange {
  nodeId: string;
  from: coordinator.Member_State | undefined;
  to: coordinator.Member_State;
}

/** How long a node that is gone stays on the list. */
const FORGET_AFTER_MS = 24 * 3_600_000;

/** Who is in the cluster, as this node has heard. Time comes from the receiver's clock alone, so skewed clocks do no harm. */
export class Membership {
  readonly #times: MembershipTimes;
  readonly #members = new Map<string, coordinator.Member>();

  constructor(times: MembershipTimes) {
    this.#times = times;
  }

  list(): coordinator.Member[] {
    return [...this.#members.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  }

  get(nodeId: string): coordinator.Member | undefined {
    return this.#members.get(nodeId);
  }

  /** Anything heard from a node shows that it lives; a heartbeat tells more about it. */
  heard(
    nodeId: string,
    incarnation: number,
    heartbeat: coordinator.Heartbeat | undefined,
    now: number,
  ): MembershipChange[] {
    const known = this.#members.get(nodeId);
    if (known !== undefined && incarnation < known.incarnation) return [];
    const to = heartbeat?.leaving === true ? State.STATE_LEFT : State.STATE_ALIVE;
    // What a node sent before it left may arrive after; it does not bring it back.
    if (known?.state === State.STATE_LEFT && known.incarnation === incarnation && to === State.STATE_ALIVE) return [];
    const base = known ?? {
      nodeId,
      incarnation,
      state: State.STATE_UNSPECIFIED,
      host: '',
      version: '',
      services: [],
      sessions: 0,
      lastSeenAt: 0,
    };
    this.#members.set(nodeId, {
      ...base,
      ...(heartbeat === undefined
        ? {}
        : {
            host: heartbeat.host,
            version: heartbeat.version,
            services: heartbeat.services,
            sessions: heartbeat.sessions,
          }),
      incarnation,
      state: to,
      lastSeenAt: now,
    });
    return known?.state === to ? [] : [{ nodeId, from: known?.state, to }];
  }

  /** Lets time pass: silent nodes become suspect, then dead, and are forgotten after a day. */
  tick(now: number): MembershipChange[] {
    const changes: MembershipChange[] = [];
    for (const [nodeId, member] of this.#members) {
      const silentMs = now - member.lastSeenAt;
      if (silentMs > FORGET_AFTER_MS) {
        this.#members.delete(nodeId);
        continue;
      }
      const to = this.#stateAfter(member.state, silentMs);
      if (to === member.state) continue;
      this.#members.set(nodeId, { ...member, state: to });
      changes.push({ nodeId, from: member.state, to });
    }
    return changes;
  }

  #stateAfter(state: coordinator.Member_State, silentMs: number): coordinator.Member_State {
    if (state !== State.STATE_ALIVE && state !== State.STATE_SUSPECT) return state;
    if (silentMs >= this.#times.deadAfterMs) return State.STATE_DEAD;
    return silentMs >= this.#times.suspectAfterMs ? State.STATE_SUSPECT : state;
  }
}
