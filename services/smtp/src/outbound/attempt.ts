import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { storage } from '@stoa/contracts';
import { ENHANCED_STATUS as S } from '@stoa/mail';
import { hasCode, toStoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import { deliverLocal, type LocalDeps } from './deliver-local.ts';
import { deliverRemote, type RemoteDeps } from './deliver-remote.ts';
import { type Blobs, MessageBody } from './message-body.ts';
import type { OutboundMetrics } from './metrics.ts';
import { noticeOf } from './notices.ts';
import type { ReportResult } from './report.ts';
import type { RecipientResult } from './result.ts';
import type { Destination } from './route/route.ts';
import { type Settlement, settle } from './settle.ts';

const { QueueRecipient_Status: Status } = storage;

/** How long the message may take to be read for a notice; part of what a lease lasts longer than a delivery. */
const NOTICE_MS = 8_000;

const tracer = trace.getTracer('@stoa/service-smtp');

export interface AttemptDeps extends RemoteDeps, LocalDeps {
  readonly blobs: Blobs;
  readonly hostname: string;
  readonly logger: Logger;
  readonly metrics: OutboundMetrics;
  readonly report: ReportResult;
  routeOf(domain: string): Destination;
  now(): number;
  random(octets: number): Buffer;
}

interface Outcome {
  results: readonly RecipientResult[];
  /** For the log. */
  via: { mx?: string; address?: string; code?: number; tls?: boolean; local?: boolean };
}

/**
 * One attempt to deliver an entry: to accounts of ours or to other servers, then the report of what became of it, with the
 * notices to the sender. `release` aborts when we stop: then what is under way is cut off, and tried again by whoever is
 * next. Never rejects.
 */
export async function attemptEntry(entry: storage.QueueEntry, deps: AttemptDeps, release: AbortSignal): Promise<void> {
  const parent = propagation.extract(context.active(), { traceparent: entry.traceParent });
  const options = { kind: SpanKind.CLIENT, attributes: { 'smtp.queue_id': entry.id, 'smtp.domain': entry.domain } };
  await tracer.startActiveSpan('smtp deliver', options, parent, async (span) => {
    try {
      const settlement = await attempt(entry, deps, release);
      span.setAttribute('smtp.recipients', settlement.recipients.length);
      if (settlement.lastError !== '') span.setStatus({ code: SpanStatusCode.ERROR, message: settlement.lastError });
    } catch (error) {
      deps.logger.error({ error, queueId: entry.id, domain: entry.domain }, 'an attempt to deliver broke');
      span.setStatus({ code: SpanStatusCode.ERROR });
    } finally {
      span.end();
    }
  });
}

async function attempt(entry: storage.QueueEntry, deps: AttemptDeps, release: AbortSignal): Promise<Settlement> {
  const { config, metrics, logger, now, random } = deps;
  const started = performance.now();
  const signal = AbortSignal.any([release, AbortSignal.timeout(config['delivery-timeout'])]);
  const body = new MessageBody(deps.blobs, entry, { timeoutMs: config['delivery-timeout'], signal });
  const pending = entry.recipients.filter(({ status }) => status === Status.STATUS_PENDING);
  const { results, via } = await deliver(entry, pending, body, deps, signal);
  const settlement = settle(entry, results, {
    schedule: config.schedule,
    delayNotice: config['delay-notice'],
    now: now(),
    random: random(4).readUInt32BE() / 2 ** 32,
    released: release.aborted,
  });
  const notice = await makeNotice(entry, settlement, deps);
  const ms = Math.round(performance.now() - started);
  countResults(entry, results, ms, deps);
  logger.info(
    {
      queueId: entry.id,
      domain: entry.domain,
      ...via,
      attempt: entry.attempts,
      ms,
      ...tally(results),
      ...(settlement.lastError === '' ? {} : { reason: settlement.lastError }),
      ...(release.aborted ? { released: true } : {}),
    },
    'an attempt to deliver ended',
  );
  try {
    const { recipients, nextAttemptAt, lastError, delayNotified } = settlement;
    const notices = notice === undefined ? [] : [notice];
    await deps.report({
      id: entry.id,
      fence: entry.fence,
      recipients: [...recipients],
      nextAttemptAt,
      lastError,
      delayNotified,
      notices,
    });
  } catch (error) {
    const message = hasCode(error, 'conflict')
      ? 'the queue took an entry back before its result was known'
      : 'the result of a delivery could not be recorded; it is tried again when the lease ends';
    logger.error({ error: toStoaError(error), queueId: entry.id, domain: entry.domain }, message);
  }
  if (notice !== undefined) metrics.notices.add(1, { kind: settlement.told[0]?.action ?? 'failed' });
  return settlement;
}

async function deliver(
  entry: storage.QueueEntry,
  pending: readonly storage.QueueRecipient[],
  body: MessageBody,
  deps: AttemptDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  if (pending.length === 0) return { results: [], via: {} };
  try {
    const local = await deliverLocal(entry, pending, body, deps, signal);
    if (local !== undefined) return { results: local, via: { local: true } };
    const destination = deps.routeOf(entry.domain);
    const { results, ...via } = await deliverRemote({ entry, recipients: pending, destination, body, signal }, deps);
    return { results, via };
  } catch (error) {
    deps.logger.error({ error, queueId: entry.id, domain: entry.domain }, 'an attempt to deliver broke');
    const broken: RecipientResult = {
      state: 'pending',
      status: S.tempSystem,
      diagnostic: 'Internal error',
      remoteMta: '',
    };
    return { results: pending.map(() => broken), via: {} };
  }
}

async function makeNotice(
  entry: storage.QueueEntry,
  { told }: Settlement,
  { config, hostname, now, random, logger, metrics, blobs }: AttemptDeps,
): Promise<storage.ReportRequest_Notice | undefined> {
  if (told.length === 0) return undefined;
  if (entry.sender === '') {
    // What has no sender is a notice itself, and nothing is said about it (RFC 5321 section 4.5.5).
    metrics.notices.add(1, { kind: 'double-bounce' });
    logger.warn(
      { queueId: entry.id, domain: entry.domain, recipients: told.length },
      'a notice cannot be delivered and is dropped',
    );
    return undefined;
  }
  // The attempt may have used up its own time.
  const late = new MessageBody(blobs, entry, { timeoutMs: NOTICE_MS, signal: AbortSignal.timeout(NOTICE_MS) });
  return noticeOf(entry, told, late, { hostname, maxReturned: config['max-returned-size'], now: now(), random });
}

function countResults(
  entry: storage.QueueEntry,
  results: readonly RecipientResult[],
  ms: number,
  { metrics, now }: AttemptDeps,
): void {
  const counts = tally(results);
  for (const [result, count] of Object.entries(counts)) metrics.recipients.add(count, { result });
  const best = (['delivered', 'relayed', 'pending', 'failed'] as const).find((state) => counts[state] !== undefined);
  const labels = { result: best ?? 'none' };
  metrics.attempts.add(1, labels);
  metrics.duration.record(ms / 1000, labels);
  metrics.age.record(Math.max(now() - entry.createdAt, 0) / 1000, labels);
}

function tally(results: readonly RecipientResult[]): Partial<Record<RecipientResult['state'], number>> {
  const counts: Partial<Record<RecipientResult['state'], number>> = {};
  for (const { state } of results) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
