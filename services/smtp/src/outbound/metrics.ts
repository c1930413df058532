import { type Counter, type Histogram, metrics, type UpDownCounter } from '@opentelemetry/api';

/** What the sender of the queue counts. */
export interface OutboundMetrics {
  readonly recipients: Counter;
  readonly attempts: Counter;
  readonly duration: Histogram;
  readonly age: Histogram;
  readonly notices: Counter;
  readonly active: UpDownCounter;
  readonly connections: Counter;
}

export function createOutboundMetrics(): OutboundMetrics {
  const meter = metrics.getMeter('@stoa/service-smtp');
  return {
    recipients: meter.createCounter('smtp_outbound_recipients', {
      description: 'Recipients of attempts, by result: delivered, relayed, failed, pending.',
    }),
    attempts: meter.createCounter('smtp_outbound_attempts', {
      description: 'Attempts to deliver an entry of the queue, by the best result among its recipients.',
    }),
    duration: meter.createHistogram('smtp_outbound_duration', { unit: 's', description: 'Length of an attempt.' }),
    age: meter.createHistogram('smtp_outbound_age', {
      unit: 's',
      description: 'Time between acceptance of a message and the end of an attempt.',
    }),
    notices: meter.createCounter('smtp_outbound_notices', {
      description: 'Notices to senders, by kind; "double-bounce" counts what could not be told to anybody.',
    }),
    active: meter.createUpDownCounter('smtp_outbound_active', { description: 'Deliveries under way.' }),
    connections: meter.createCounter('smtp_outbound_connections', {
      description: 'Connections to other servers, by result: opened, reused, failed; and by TLS.',
    }),
  };
}
