import { metrics } from '@opentelemetry/api';

/** Why a message or an event of the bus was not used. */
export type SkipCause =
  | 'foreign-bytes'
  | 'other-cluster'
  | 'duplicate'
  | 'newer-version'
  | 'unknown-event'
  | 'too-large-event';

/** Figures of the coordinator. */
export function createMetrics() {
  const meter = metrics.getMeter('@stoa/service-coordinator');
  return {
    published: meter.createCounter('bus_events_published', { description: 'Events handed to the bus, by result.' }),
    received: meter.createCounter('bus_events_received', {
      description: 'Events of other nodes that the bus brought.',
    }),
    skipped: meter.createCounter('bus_messages_skipped', {
      description: 'Messages or events on the bus that were skipped or not fully understood, by reason.',
    }),
    gaps: meter.createCounter('bus_gaps', { description: 'Possible losses on the bus, by what they concern.' }),
    overflows: meter.createCounter('event_subscriber_overflows', {
      description: 'Times that a slow subscriber lost its queue and was told of a gap.',
    }),
    subscribers: meter.createUpDownCounter('event_subscribers', { description: 'Subscriptions that are open.' }),
    delay: meter.createHistogram('bus_delivery_delay', {
      unit: 's',
      description: 'Time from sending to receiving between nodes, as far as their clocks agree.',
      advice: { explicitBucketBoundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30] },
    }),
    transitions: meter.createCounter('member_transitions', {
      description: 'Members that changed state, by new state.',
    }),
  };
}

export type CoordinatorMetrics = ReturnType<typeof createMetrics>;
