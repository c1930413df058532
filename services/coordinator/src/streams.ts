import { type coordinator, MAILBOX_STREAMS, mailboxStream } from '@stoa/contracts';

/** The stream that every node hears; the others, 1 to 64, carry mailbox events of a part of the accounts each. */
export const COMMON_STREAM = 0;

/** Streams of mailbox events that a subscriber needs. */
export type Interest = 'all' | ReadonlySet<number>;

export const ALL_STREAMS: ReadonlySet<number> = new Set(Array.from({ length: MAILBOX_STREAMS }, (_, i) => i + 1));

/** The stream on which an event travels. */
export function streamOf({ kind }: coordinator.Event): number {
  switch (kind?.$case) {
    case 'mailboxChanged':
    case 'mailboxListChanged':
      return mailboxStream(kind.value.accountId);
    default:
      return COMMON_STREAM;
  }
}

/** Events by stream, in order. */
export function byStream(events: readonly coordinator.Event[]): Map<number, coordinator.Event[]> {
  const groups = new Map<number, coordinator.Event[]>();
  for (const event of events) {
    const stream = streamOf(event);
    const group = groups.get(stream);
    if (group === undefined) groups.set(stream, [event]);
    else group.push(event);
  }
  return groups;
}

/** The topic of a stream: of mailbox events "….m00" to "….m63". */
export function topicOf(common: string, stream: number): string {
  return stream === COMMON_STREAM ? common : `${common}.m${String(stream - 1).padStart(2, '0')}`;
}

/** Who declares nothing hears everything. */
export function readInterest(interest: coordinator.Interest | undefined): Interest {
  if (interest === undefined || interest.all) return 'all';
  return new Set(interest.streams.filter((stream) => ALL_STREAMS.has(stream)));
}

export function wants(interest: Interest, stream: number): boolean {
  return stream === COMMON_STREAM || interest === 'all' || interest.has(stream);
}

export function streamsOf(interest: Interest): ReadonlySet<number> {
  return interest === 'all' ? ALL_STREAMS : interest;
}
