import { randomUUID } from 'node:crypto';
import type { coordinator } from '@stoa/contracts';
import { type ErrorCode, StoaError, toStoaError } from '@stoa/plugin-sdk';
import type { EventClient } from '@stoa/service-kit';
import type { Clock } from './clock.ts';
import type { Role } from './role.ts';
import type { RoleRunner } from './runner.ts';

export interface RunRequestsOptions {
  kinds: readonly Role[];
  runners: readonly RoleRunner[];
  events: Pick<EventClient, 'publish'>;
  clock: Clock;
  newId?: () => string;
}

/** How often an owner says that it is still at work, and how long the asking node believes it. */
const SIGN_OF_LIFE_MS = 5_000;
const SILENCE_LIMIT_MS = 12_000;

interface Pending {
  answer(ran: coordinator.RoleRan): void;
}

/**
 * Runs roles when asked to, wherever their owners are: shards that this node owns here, the others by a request on the bus,
 * whose owners answer with the same id.
 */
export class RunRequests {
  readonly #options: RunRequestsOptions;
  readonly #newId: () => string;
  readonly #pending = new Map<string, Pending>();

  constructor(options: RunRequestsOptions) {
    this.#options = options;
    this.#newId = options.newId ?? randomUUID;
  }

  /** Resolves with what every shard did. Rejects with `unavailable` when a shard has no owner that answers. */
  async run(name: string, signal: AbortSignal): Promise<string> {
    const { kinds, runners } = this.#options;
    const kind = kinds.find((role) => role.name === name);
    if (kind === undefined) {
      const names = kinds.map((role) => role.name).join(', ');
      throw new StoaError('not-found', `there is no role ${JSON.stringify(name.slice(0, 64))}; there are ${names}`);
    }
    const own = runners.filter((runner) => runner.name === name);
    const owned: RoleRunner[] = [];
    for (const runner of own) if (await runner.tryToOwn()) owned.push(runner);
    const shards = Array.from({ length: kind.shards.count }, (_, shard) => shard);
    const elsewhere = shards.filter((shard) => !owned.some((runner) => runner.shard === shard));
    const runs: Promise<string[]>[] = owned.map(async (runner) => [await runner.run()]);
    if (elsewhere.length > 0) runs.push(this.#ask(name, elsewhere, signal));
    return (await Promise.all(runs)).flat().join('; ');
  }

  /** An event that may be a request of another node, or the answer to one of this node. */
  heard(kind: coordinator.Event['kind']): void {
    if (kind?.$case === 'roleRan') this.#pending.get(kind.value.requestId)?.answer(kind.value);
    if (kind?.$case !== 'roleRequested' || this.#pending.has(kind.value.requestId)) return;
    const { name, requestId } = kind.value;
    for (const runner of this.#options.runners) {
      if (runner.name === name && runner.status.owner) void this.#serve(runner, requestId);
    }
  }

  #ask(name: string, shards: readonly number[], signal: AbortSignal): Promise<string[]> {
    const { clock, events } = this.#options;
    const requestId = this.#newId();
    const results = new Map<number, string>();
    const lastSign = new Map(shards.map((shard) => [shard, clock.now()]));
    return new Promise<string[]>((resolve, reject) => {
      let cancelTimer: () => void = () => {};
      const finish = (end: () => void) => {
        cancelTimer();
        signal.removeEventListener('abort', onAbort);
        this.#pending.delete(requestId);
        end();
      };
      const onAbort = () => finish(() => reject(toStoaError(signal.reason)));
      const watch = () => {
        const silent = [...lastSign].find(([, at]) => clock.now() - at >= SILENCE_LIMIT_MS);
        if (silent !== undefined) {
          const message = `no node that has shard ${silent[0]} of the role ${name} answers`;
          finish(() => reject(new StoaError('unavailable', message)));
        } else cancelTimer = clock.after(1_000, watch);
      };
      this.#pending.set(requestId, {
        answer: ({ shard, running, errorCode, errorMessage, result }) => {
          if (!lastSign.has(shard)) return;
          if (running) {
            lastSign.set(shard, clock.now());
          } else if (errorCode !== '') {
            finish(() => reject(new StoaError(codeOf(errorCode), errorMessage)));
          } else {
            lastSign.delete(shard);
            results.set(shard, result);
            if (lastSign.size === 0) finish(() => resolve(shards.map((each) => results.get(each) ?? '')));
          }
        },
      });
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) {
        onAbort();
        return;
      }
      watch();
      events.publish({ $case: 'roleRequested', value: { name, requestId } });
    });
  }

  async #serve(runner: RoleRunner, requestId: string): Promise<void> {
    const { clock } = this.#options;
    const answer = (fields: Partial<coordinator.RoleRan>) =>
      this.#options.events.publish({
        $case: 'roleRan',
        value: {
          requestId,
          shard: runner.shard,
          running: false,
          result: '',
          errorCode: '',
          errorMessage: '',
          ...fields,
        },
      });
    let cancel: () => void = () => {};
    const sayAlive = () => {
      answer({ running: true });
      cancel = clock.after(SIGN_OF_LIFE_MS, sayAlive);
    };
    sayAlive();
    try {
      answer({ result: await runner.run() });
    } catch (error) {
      const { code, message } = toStoaError(error);
      answer({ errorCode: code, errorMessage: message });
    } finally {
      cancel();
    }
  }
}

/** What the bus brings is checked: only what a caller of this contract may meet. */
function codeOf(text: string): ErrorCode {
  return CODES.has(text) ? (text as ErrorCode) : 'internal';
}

const CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'cancelled',
  'deadline-exceeded',
  'resource-exhausted',
  'failed-precondition',
  'conflict',
  'unavailable',
  'data-loss',
  'storage-full',
]);
