import { type DeepPartial, type Implementation, storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { Queue } from './queue.ts';

export interface QueueServiceDeps {
  queue: Queue;
  /** Delivers a notice to an account, or queues it. With the same key it does so once. */
  deliver(
    requests: AsyncIterable<storage.DeliverRequest>,
    signal: AbortSignal,
  ): Promise<DeepPartial<storage.DeliverResponse>>;
}

/** QueueService over the queue. */
export function queueService({
  queue,
  deliver,
}: QueueServiceDeps): Implementation<typeof storage.QueueServiceDefinition> {
  async function sendNotice(report: storage.ReportRequest, index: number, signal: AbortSignal): Promise<void> {
    const notice = report.notices[index] as storage.ReportRequest_Notice;
    const envelope = storage.DeliveryEnvelope.fromPartial({
      // RFC 3461 section 5.2: a notice has no sender, so that none can come of it.
      sender: '',
      recipients: [{ address: notice.recipient, accountId: notice.accountId }],
      idempotencyKey: `notice/${report.id}/${report.fence}/${index}`,
      size: notice.message.length,
    });
    const requests = (async function* () {
      yield { part: { $case: 'envelope' as const, value: envelope } };
      yield { part: { $case: 'data' as const, value: notice.message } };
    })();
    const { results } = await deliver(requests, signal);
    const result = results?.[0];
    // What can never be delivered ends here: a notice about a notice is not sent. What may succeed later fails the report.
    if (result?.errorCode && result.retryable)
      throw new StoaError('unavailable', `a notice could not be delivered: ${result.errorCode}`);
  }

  return {
    lease: ({ limit, leaseMs }) => queue.lease(limit, leaseMs),

    /**
     * Notices first, each under a key of its own: when the last step fails, the report is made again and they are not
     * delivered twice; when they fail, the entry stays as it was.
     */
    async report(report, { signal }) {
      const leased = await queue.leased(report.id, report.fence);
      for (let i = 0; i < report.notices.length; i++) await sendNotice(report, i, signal);
      await queue.settle(leased, report);
      return {};
    },

    async *listEntries({ domain }) {
      for await (const entries of queue.list(domain)) yield { entries };
    },

    async getEntry({ id }) {
      return { entry: await queue.get(id) };
    },

    async retry({ ids }) {
      const wanted = ids.length === 0 ? await queue.allIds() : ids;
      let retried = 0;
      for (const id of wanted) if (await queue.retry(id)) retried += 1;
      return { retried };
    },

    async cancel({ ids, bounce }) {
      let cancelled = 0;
      for (const id of ids) if (await queue.cancel(id, bounce)) cancelled += 1;
      return { cancelled };
    },
  };
}
