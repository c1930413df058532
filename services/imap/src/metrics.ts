import { type Counter, type Histogram, metrics } from '@opentelemetry/api';

/** What the listeners count. */
export interface ImapMetrics {
  readonly connections: Counter;
  readonly commands: Histogram;
  readonly notices: Counter;
}

export function createMetrics(sessions: () => number): ImapMetrics {
  const meter = metrics.getMeter('@stoa/service-imap');
  meter
    .createObservableGauge('imap_sessions', { description: 'Connections now.' })
    .addCallback((result) => result.observe(sessions()));
  return {
    connections: meter.createCounter('imap_connections', {
      description: 'Connections, by listener and what became of them.',
    }),
    commands: meter.createHistogram('imap_command_duration', {
      unit: 's',
      description: 'Time of commands, by name and result.',
    }),
    notices: meter.createCounter('imap_notices', { description: 'Idling sessions that were told of a change.' }),
  };
}
