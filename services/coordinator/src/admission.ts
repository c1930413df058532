import type { coordinator } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import type { Clock } from './clock.ts';
import { LogLimiter } from './log-limiter.ts';

export interface Identity {
  nodeId: string;
  incarnation: number;
  /** Random for each start. */
  instance: string;
}

export interface AdmissionOptions {
  self: Identity;
  clock: Clock;
  logger: Logger;
  /** Sends, outside the sender's count and without waiting, the heartbeat of this node with these fields. */
  send(fields: Pick<coordinator.Heartbeat, 'joining' | 'answers'>): void;
  /** The id was taken from this node after it had joined. */
  onExpelled(): void;
}

const LOG_INTERVAL_MS = 60_000;

/**
 * Keeps two processes from using one node id. Who wants to join asks first; a process of that id that is in the cluster, or
 * that asks too and started earlier, answers with the asker's own instance, so that no late word of a process that is
 * gone can refuse its successor. Two that were cut off from each other ask again when they hear one another; the later
 * one gives way. Who was paused, or began without the bus, may have a successor by now: it asks anew before it speaks in
 * the name of the id, and until it has the answer it refuses nobody.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #log: LogLimiter;
  #state: 'outside' | 'joining' | 'returning' | 'joined' = 'outside';
  #refusal: StoaError | undefined;
  #onRefusal: () => void = () => {};

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#log = new LogLimiter(options.clock.now, LOG_INTERVAL_MS);
  }

  /** Why this node may not be in the cluster. */
  get refusal(): StoaError | undefined {
    return this.#refusal;
  }

  get joined(): boolean {
    return this.#state === 'joined';
  }

  get returning(): boolean {
    return this.#state === 'returning';
  }

  /**
   * Asks for `waitMs`, again every `intervalMs`, whether the id is taken; a wait of 0 joins at once. Rejects with
   * `already-exists` when it is.
   */
  async join(waitMs: number, intervalMs: number): Promise<void> {
    this.#state = 'joining';
    await this.#ask(waitMs, intervalMs);
    if (this.#refusal !== undefined) throw this.#refusal;
    if (this.#state !== 'joining') throw new StoaError('cancelled', 'the node stops');
    this.#state = 'joined';
  }

  /** From now on this node may have a successor; `confirm` is to follow. */
  doubt(): void {
    if (this.#state === 'joined') this.#state = 'returning';
  }

  /** Asks like `join`, as one who was in the cluster. Resolves to whether the id is still this node's. */
  async confirm(waitMs: number, intervalMs: number): Promise<boolean> {
    if (this.#state !== 'returning') return this.joined;
    await this.#ask(waitMs, intervalMs);
    if (this.#state === 'returning') this.#state = 'joined';
    return this.joined;
  }

  async #ask(waitMs: number, intervalMs: number): Promise<void> {
    const { clock, send } = this.#options;
    const asAt = this.#state;
    let left = waitMs;
    while (left > 0 && this.#refusal === undefined && this.#state === asAt) {
      send({ joining: true, answers: '' });
      const step = Math.min(left, intervalMs);
      await new Promise<void>((resolve) => {
        const cancel = clock.after(step, resolve);
        this.#onRefusal = () => {
          cancel();
          resolve();
        };
      });
      left -= step;
    }
    this.#onRefusal = () => {};
  }

  /** Ends a join that is under way. */
  leave(): void {
    this.#state = 'outside';
    this.#onRefusal();
  }

  /** A heartbeat that bears this node's id, its own included. */
  heard(incarnation: number, heartbeat: coordinator.Heartbeat): void {
    const { self, send } = this.#options;
    const { instance, joining, answers, leaving, refused } = heartbeat;
    if (instance === self.instance || leaving || refused) return;
    const isSenior = incarnation < self.incarnation || (incarnation === self.incarnation && instance < self.instance);
    if (answers !== '') {
      const yields = this.#state === 'joining' || this.#state === 'returning' || (this.joined && isSenior);
      if (answers === self.instance && yields) this.#refuse(heartbeat.host);
    } else if (joining) {
      if (this.#state === 'joined' || (this.#state === 'joining' && !isSenior)) {
        send({ joining: false, answers: instance });
      }
    } else if (this.#state === 'joined') {
      this.#warn(heartbeat.host);
      if (isSenior) send({ joining: true, answers: '' });
    }
  }

  #refuse(host: string): void {
    if (this.#refusal !== undefined) return;
    const { self, logger, onExpelled } = this.#options;
    const message = `the node id ${self.nodeId} is in use on ${host === '' ? 'another host' : host}; give this node a node.id of its own`;
    this.#refusal = new StoaError('already-exists', message);
    const wasInside = this.#state !== 'joining';
    this.#state = 'outside';
    this.#onRefusal();
    if (!wasInside) return;
    logger.error({ host }, message);
    onExpelled();
  }

  #warn(host: string): void {
    if (this.#log.pass('namesake') === undefined) return;
    const { self, logger } = this.#options;
    logger.error({ host }, `another process uses the node id ${self.nodeId}; the one that started later gives way`);
  }
}
