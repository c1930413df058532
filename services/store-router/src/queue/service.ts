import { randomBytes } from 'node:crypto';
import type { Implementation, storage } from '@stoa/contracts';
import { hasCode, StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import { cancelNotice, MAX_RETURNED } from './cancel-notice.ts';
import type { Notices } from './notices.ts';
import type { Queue } from './queue.ts';

export interface QueueServiceDeps {
  queue: Queue;
  notices: Notices;
  /** The first octets of a body, up to `end`. */
  readBody(blobId: Uint8Array, end: number, signal: AbortSignal): Promise<Uint8Array>;
  /** The name of this server in notices. */
  hostname: string;
  logger: Logger;
  now(): number;
}

/** QueueService over the queue. */
export function queueService(deps: QueueServiceDeps): Implementation<typeof storage.QueueServiceDefinition> {
  const { queue, notices, readBody, hostname, logger, now } = deps;

  /** What fails now is sent by a later call. */
  async function sendNotices(signal: AbortSignal): Promise<void> {
    await notices.send(signal).catch((err: unknown) => logger.warn({ err }, 'notices were not sent; they wait'));
  }

  async function bounce(entry: storage.QueueEntry, signal: AbortSignal) {
    const beginning = await readBody(entry.blobId, MAX_RETURNED, signal).catch((err: unknown) => {
      // Without the message the sender learns of it all the same.
      logger.error({ err, entry: entry.id }, 'the body of a queued message cannot be read');
      return new Uint8Array();
    });
    return cancelNotice(entry, { hostname, now: now(), random: randomBytes(24), beginning });
  }

  return {
    async lease({ limit, leaseMs, limitPerDomain, busyDomains }, { signal }) {
      const [entries] = await Promise.all([
        queue.lease({ limit, leaseMs, limitPerDomain, busyDomains }),
        sendNotices(signal),
      ]);
      const due = (await Promise.all([queue.nextDueAt(), notices.nextDueAt()])).filter((time) => time > 0);
      return { entries, nextDueAt: due.length === 0 ? 0 : Math.min(...due) };
    },

    async report(report, { signal }) {
      await queue.report(report, notices);
      if (report.notices.length > 0) await sendNotices(signal);
      return {};
    },

    async *listEntries({ domain }, { signal }) {
      for await (const entries of queue.list(domain, signal)) yield { entries };
    },

    async getEntry({ id }) {
      return { entry: await queue.get(id) };
    },

    async retry({ ids }, { signal }) {
      const outcome = { retried: 0, missing: 0 };
      for await (const id of ids.length === 0 ? allIds(queue, signal) : ids) {
        await queue.retry(id).then(
          (done) => {
            if (done) outcome.retried += 1;
          },
          (error: unknown) => {
            if (!hasCode(error, 'not-found')) throw error;
            outcome.missing += 1;
          },
        );
      }
      checkFound(ids, outcome.missing);
      if (outcome.retried > 0) queue.wake();
      return { retried: outcome.retried };
    },

    async cancel({ ids, bounce: wanted }, { signal }) {
      let cancelled = 0;
      let missing = 0;
      for (const id of ids) {
        try {
          await queue.cancel(id, notices, async (entry) => (wanted ? bounce(entry, signal) : undefined));
          cancelled += 1;
        } catch (error) {
          if (!hasCode(error, 'not-found')) throw error;
          missing += 1;
        }
      }
      checkFound(ids, missing);
      if (wanted) await sendNotices(signal);
      return { cancelled };
    },
  };
}

async function* allIds(queue: Queue, signal: AbortSignal): AsyncGenerator<string> {
  for await (const page of queue.list('', signal)) for (const { id } of page) yield id;
}

/** Some may have gone meanwhile; when none is there, the ids are wrong. */
function checkFound(ids: readonly string[], missing: number): void {
  if (ids.length > 0 && missing === ids.length) {
    throw new StoaError('not-found', `there is no queue entry ${ids.slice(0, 3).join(', ')}`);
  }
}
