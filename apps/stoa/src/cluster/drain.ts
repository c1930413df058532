import type { Client, coordinator } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { type MemberView, memberView } from './members.ts';

export interface DrainOptions {
  client: Client<typeof coordinator.CoordinatorServiceDefinition>;
  node: string;
  /** Until the node has no sessions; else until the order is given. */
  wait: boolean;
  timeoutMs: number;
  signal: AbortSignal;
  /** Told what the node is like, each time that it was looked at. */
  progress(member: MemberView): void;
  pause(ms: number): Promise<void>;
  now(): number;
}

const LOOK_MS = 500;
/** The order is given again while the node does not follow: news on the bus may be late or lost. */
const REPEAT_MS = 2_000;

async function find({ client, node }: DrainOptions): Promise<MemberView> {
  const { members } = await client.listMembers({});
  const member = members.find(({ nodeId }) => nodeId === node);
  if (member !== undefined) return memberView(member);
  const workers = members.filter(({ nodeId }) => isWorkerOf(node, nodeId)).map(memberView);
  if (workers.length === 0)
    throw new StoaError('not-found', `there is no node ${node}; \`stoa cluster nodes\` lists them`);
  return together(node, workers);
}

/** Workers of a node are called by its name and a number; all of them hear what the node is told. */
function isWorkerOf(node: string, nodeId: string): boolean {
  return nodeId.startsWith(`${node}-`) && /^\d+$/.test(nodeId.slice(node.length + 1));
}

/** The workers of a node as one: it is there while one of them is. */
function together(node: string, workers: readonly MemberView[]): MemberView {
  const isThere = ({ state }: MemberView) => state === 'alive' || state === 'suspect';
  const there = workers.filter(isThere);
  const some = there.length > 0 ? there : workers;
  return {
    ...(some[0] as MemberView),
    node,
    draining: some.every(({ draining }) => draining),
    drained: some.every(({ drained }) => drained),
    sessions: there.reduce((sum, { sessions }) => sum + sessions, 0),
  };
}

/**
 * Takes a node out of service. Resolves to what it is like at the end. Rejects with `not-found`, with `failed-precondition`
 * when it is not alive, with `deadline-exceeded` when it still has sessions after the time, and with `cancelled`.
 */
export async function drainNode(options: DrainOptions): Promise<MemberView> {
  const { client, node, wait, timeoutMs, signal, progress, pause, now } = options;
  let member = await find(options);
  if (member.state !== 'alive' && member.state !== 'suspect') {
    throw new StoaError('failed-precondition', `the node ${node} is ${member.state}: there is nothing to drain`);
  }
  const until = now() + timeoutMs;
  let told = Number.NEGATIVE_INFINITY;
  for (;;) {
    if (!member.draining && now() - told >= REPEAT_MS) {
      told = now();
      const order = { $case: 'nodeDrainRequested' as const, value: { nodeId: node } };
      const { missed } = await client.publish({ events: [{ kind: order }] });
      if (missed && !wait) throw new StoaError('unavailable', 'the bus did not take the order; try again');
    }
    if (!wait || (member.drained && member.sessions === 0)) return member;
    await pause(LOOK_MS);
    if (signal.aborted) throw new StoaError('cancelled', `stopped waiting; the node ${node} goes on to drain`);
    member = await find(options);
    progress(member);
    // Stopped meanwhile, which ends its sessions too.
    if (member.state === 'left' || member.state === 'dead') return member;
    if (now() >= until && !(member.drained && member.sessions === 0)) {
      const why = !member.draining
        ? 'it has not begun'
        : member.sessions > 0
          ? `it still has ${member.sessions} sessions`
          : 'one of its processes is still at work';
      throw new StoaError('deadline-exceeded', `the node ${node} is not drained after ${timeoutMs / 1000} s: ${why}`);
    }
  }
}
