import type { coordinator } from '@stoa/contracts';

export interface EventListener {
  /**
   * Called in the trace context of the change, for every event of every node, own ones included; of mailbox events at least for
   * those that `follow` asked for. Must not throw or block.
   */
  event(event: coordinator.Event, nodeId: string): void;
  /** Events may have been lost (of one node, or of any): treat what is cached as stale and read it again. */
  gap(reason: string, nodeId: string | undefined): void;
  /**
   * The same for mailbox events of some streams alone (`mailboxStream` of an account); also when those that `follow` asked
   * for begin to come.
   */
  mailboxGap?(streams: ReadonlySet<number>): void;
}

/** Accounts whose mailbox events are needed: all, or those that fall to these streams. */
export type MailboxInterest = 'all' | ReadonlySet<number>;

/**
 * The node's line to the coordinator. It connects by itself, again and again; while it is down, and when it comes back,
 * listeners get a `gap`. Events are hints: publishing never fails, and what the bus does not take within some seconds is
 * dropped and counted.
 */
export interface EventClient {
  /** Queues an event with the current trace context; events of one tick travel together. */
  publish(event: NonNullable<coordinator.Event['kind']>): void;
  /** Returns a function that ends the subscription. */
  subscribe(listener: EventListener): () => void;
  /** Says whose mailbox events the service needs from now on; none until it is called. Replaces what was said before. */
  follow(interest: MailboxInterest): void;
  /** Whether events flow now. Where they do not, callers poll. */
  readonly connected: boolean;
  /** Resolves when everything published so far was handed to the bus or dropped. */
  flush(): Promise<void>;
}
