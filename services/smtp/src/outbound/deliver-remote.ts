import type { storage } from '@stoa/contracts';
import type { Logger } from '@stoa/service-kit';
import type { SessionPool } from './client/pool.ts';
import { openSession, type SmtpSession } from './client/session.ts';
import { transact } from './client/transaction.ts';
import type { OutboundConfig } from './config.ts';
import { prepare } from './envelope.ts';
import type { MessageBody } from './message-body.ts';
import type { OutboundMetrics } from './metrics.ts';
import { DeliveryFailure, failureResult, type RecipientResult } from './result.ts';
import type { Destination } from './route/route.ts';

export interface RemoteDelivery {
  readonly entry: storage.QueueEntry;
  /** Those of the entry's recipients to deliver to. */
  readonly recipients: readonly storage.QueueRecipient[];
  readonly destination: Destination;
  readonly body: MessageBody;
  /** Ends the delivery where it stands. */
  readonly signal: AbortSignal;
}

export interface RemoteDeps {
  readonly config: OutboundConfig;
  readonly pool: SessionPool;
  readonly metrics: OutboundMetrics;
  readonly logger: Logger;
  /** Name in EHLO. */
  readonly name: string;
}

export interface RemoteOutcome {
  /** In the order of the recipients. */
  readonly results: readonly RecipientResult[];
  /** The server that was asked last, '' where none was. */
  readonly mx: string;
  readonly address: string;
  /** Last reply code; 0: none. */
  readonly code: number;
  readonly tls: boolean;
}

/** Sends a message to the servers of its destination, one after the other until all recipients have an answer. */
export async function deliverRemote(delivery: RemoteDelivery, deps: RemoteDeps): Promise<RemoteOutcome> {
  const run = new RemoteRun(delivery, deps);
  await run.go();
  return run.outcome();
}

class RemoteRun {
  readonly #delivery: RemoteDelivery;
  readonly #deps: RemoteDeps;
  readonly #results: (RecipientResult | undefined)[];
  readonly #failures: { failure: DeliveryFailure; host: string }[] = [];
  #mx = '';
  #address = '';
  #code = 0;
  #tls = false;

  constructor(delivery: RemoteDelivery, deps: RemoteDeps) {
    this.#delivery = delivery;
    this.#deps = deps;
    this.#results = delivery.recipients.map(() => undefined);
  }

  async go(): Promise<void> {
    const { destination, signal } = this.#delivery;
    const { pool, config, metrics, name } = this.#deps;
    for (let session = pool.take(destination.key); session !== undefined; session = pool.take(destination.key)) {
      session.connection.watch(signal);
      metrics.connections.add(1, { result: 'reused', tls: session.tls });
      // What a connection that waited breaks with is no failure of the server.
      const known = this.#failures.length;
      await this.#use(session);
      if (this.#isDone) return;
      this.#failures.length = known;
    }
    let tried = 0;
    try {
      for await (const target of destination.targets()) {
        if (signal.aborted || tried === config['max-hosts']) break;
        tried += 1;
        this.#mx = target.host;
        this.#address = target.address;
        try {
          const session = await openSession(target, destination, { config, name, signal });
          metrics.connections.add(1, { result: 'opened', tls: session.tls });
          await this.#use(session);
        } catch (error) {
          if (!(error instanceof DeliveryFailure)) throw error;
          metrics.connections.add(1, { result: 'failed' });
          this.#code = error.reply?.code ?? 0;
          this.#failures.push({ failure: error, host: target.host });
        }
        if (this.#isDone) return;
      }
    } catch (error) {
      if (!(error instanceof DeliveryFailure)) throw error;
      if (this.#failures.length === 0) this.#failures.push({ failure: error, host: '' });
    }
  }

  outcome(): RemoteOutcome {
    // One that may pass counts more than those that do not: nothing is given up that may succeed.
    const told = this.#failures.findLast(({ failure }) => !failure.permanent) ?? this.#failures.at(-1);
    const rest: RecipientResult =
      told === undefined
        ? { state: 'pending', status: '4.4.0', diagnostic: 'the delivery was stopped', remoteMta: '' }
        : failureResult(told.failure, told.host);
    return {
      results: this.#results.map((result) => result ?? rest),
      mx: this.#mx,
      address: this.#address,
      code: this.#code,
      tls: this.#tls,
    };
  }

  get #isDone(): boolean {
    return this.#delivery.signal.aborted || this.#results.every((result) => result !== undefined);
  }

  /** Sends on one session, in as many transactions as it takes, and gives it back. */
  async #use(session: SmtpSession): Promise<void> {
    const { config, pool, logger } = this.#deps;
    const { entry, destination } = this.#delivery;
    const { target } = session.connection;
    this.#mx = target.host;
    this.#address = target.address;
    this.#tls = session.tls;
    let reusable = true;
    while (reusable && !this.#isDone) {
      const waiting = this.#results.flatMap((result, i) => (result === undefined ? [i] : []));
      const indices = waiting.slice(0, config['max-recipients']);
      let outcome: Awaited<ReturnType<typeof transact>>;
      try {
        const { refused, transaction } = await prepare(this.#delivery, indices, session);
        for (const [index, result] of refused) this.#results[index] = result;
        if (transaction === undefined) continue;
        outcome = await transact(session, transaction.request, config.timeouts).finally(transaction.close);
        for (const [i, index] of transaction.indices.entries()) this.#results[index] = outcome.results[i];
      } catch (error) {
        session.connection.destroy();
        if (!(error instanceof DeliveryFailure)) throw error;
        this.#failures.push({ failure: error, host: target.host });
        return;
      }
      session.messages += 1;
      this.#code = outcome.code;
      reusable = outcome.reusable && session.messages < config['max-messages-per-connection'];
      if (outcome.failure !== undefined) this.#failures.push({ failure: outcome.failure, host: target.host });
      if (outcome.ambiguous) {
        logger.warn(
          { queueId: entry.id, domain: entry.domain, mx: target.host, error: outcome.failure },
          'the connection broke after a message and before its reply; it is sent again and may arrive twice',
        );
      }
      if (!outcome.reusable) {
        if (outcome.failure === undefined) void session.connection.quit(config.timeouts.quit);
        else session.connection.destroy();
        return;
      }
    }
    if (reusable) pool.put(destination.key, session);
    else void session.connection.quit(config.timeouts.quit);
  }
}
