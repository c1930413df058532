import { type Counter, type Histogram, metrics } from '@opentelemetry/api';

/** What the listeners count. */
export interface SmtpMetrics {
  readonly connections: Counter;
  readonly messages: Counter;
  readonly octets: Counter;
  readonly duration: Histogram;
}

export function createMetrics(): SmtpMetrics {
  const meter = metrics.getMeter('@stoa/service-smtp');
  return {
    connections: meter.createCounter('smtp_connections', {
      description: 'Connections, by listener and what became of them.',
    }),
    messages: meter.createCounter('smtp_messages', { description: 'Messages received, by listener and result.' }),
    octets: meter.createCounter('smtp_message_octets', { unit: 'By', description: 'Octets of accepted messages.' }),
    duration: meter.createHistogram('smtp_message_duration', {
      unit: 's',
      description: 'From DATA to the reply after the message.',
    }),
  };
}
