import { drive, inParallel } from '../load/drive.ts';
import { type Envelope, envelope, SmtpLoad } from '../load/smtp.ts';
import { address } from '../peers/mail-server.ts';
import { Template } from './corpus.ts';

/** A kind of mail that comes in. */
export interface Ingest {
  name: string;
  octets: number;
  connections: number;
  accounts: number;
  recipients?: number;
  /** Messages of a run of the peer at most. */
  most?: number;
}

/** What a run gave: messages acknowledged a second, and messages a second until the last was in its mailbox. */
export interface Rates {
  acknowledged: number;
  delivered: number;
  p99: number;
}

/** One side: where mail goes in, and when the last is in its mailbox. */
export interface Entrance {
  port: number;
  most(each: Ingest): number;
  settled(): Promise<void>;
}

export function envelopes({ accounts, recipients = 1 }: Ingest): Envelope[] {
  return Array.from({ length: accounts }, (_, i) =>
    envelope(
      Array.from({ length: recipients }, (_, n) => address((i * recipients + n) % Math.max(accounts, recipients))),
    ),
  );
}

/** Connections are made and warm before the clock runs. */
export async function measure(side: Entrance, each: Ingest, to: readonly Envelope[], ms: number): Promise<Rates> {
  const clients = await inParallel(each.connections, 20, async () => ({
    smtp: await SmtpLoad.open({ port: side.port }),
    template: new Template(each.octets),
  }));
  try {
    let next = 0;
    const begin = performance.now();
    const load = await drive(
      clients,
      ms,
      ({ smtp, template }) => smtp.deliver(to[next++ % to.length] as Envelope, template.next()),
      side.most(each),
    );
    await side.settled();
    const seconds = (performance.now() - begin) / 1000;
    return { acknowledged: load.rate, delivered: load.count / seconds, p99: load.times.percentile(0.99) / 1000 };
  } finally {
    for (const { smtp } of clients) smtp.close();
  }
}
