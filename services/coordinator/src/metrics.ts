import { metrics, type ObservableResult } from '@opentelemetry/api';
import { coordinator } from '@stoa/contracts';
import { stateName } from './membership.ts';

/** Why a message or an event of the bus was not used. */
export type SkipCause =
  | 'foreign-bytes'
  | 'other-cluster'
  | 'duplicate'
  | 'newer-version'
  | 'unknown-event'
  | 'too-large-event';

const METER = '@stoa/service-coordinator';

/** Figures of the coordinator. */
export function createMetrics() {
  const meter = metrics.getMeter(METER);
  return {
    published: meter.createCounter('bus_events_published', { description: 'Events handed to the bus, by result.' }),
    received: meter.createCounter('bus_events_received', {
      description: 'Events of other nodes that the bus brought.',
    }),
    skipped: meter.createCounter('bus_messages_skipped', {
      description: 'Messages or events on the bus that were skipped or not fully understood, by reason.',
    }),
    gaps: meter.createCounter('bus_gaps', { description: 'Possible losses on the bus, by what they concern.' }),
    lost: meter.createCounter('bus_events_lost', {
      description: 'Events of this node that were lost before they came to its coordinator.',
    }),
    pauses: meter.createCounter('process_pauses', {
      description: 'Times that this process stood still for so long that the others took it for dead.',
    }),
    skews: meter.createCounter('bus_clock_skews', {
      description: 'Messages of nodes whose clock differs from the one of this node by half a minute or more.',
    }),
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

const { STATE_ALIVE, STATE_SUSPECT, STATE_DEAD, STATE_LEFT } = coordinator.Member_State;
const STATES = [STATE_ALIVE, STATE_SUSPECT, STATE_DEAD, STATE_LEFT];

/** Shows what is so now. Returns a function that ends it. */
export function observe(source: {
  connected(): boolean;
  streams(): number;
  members(): readonly coordinator.Member[];
}): () => void {
  const meter = metrics.getMeter(METER);
  const connected = meter.createObservableGauge('bus_connected', {
    description: 'Whether the bus brings the events of other nodes: 1 or 0.',
  });
  const streams = meter.createObservableGauge('bus_streams', {
    description: 'Streams of the bus that this node listens to: the common one, and those of mailbox events it needs.',
  });
  const members = meter.createObservableGauge('members', {
    description: 'Nodes of the cluster as this one knows them, by state.',
  });
  const observeConnected = (result: ObservableResult) => result.observe(source.connected() ? 1 : 0);
  const observeStreams = (result: ObservableResult) => result.observe(source.streams());
  const observeMembers = (result: ObservableResult) => {
    const all = source.members();
    for (const state of STATES) {
      result.observe(all.filter((member) => member.state === state).length, { state: stateName(state) });
    }
  };
  connected.addCallback(observeConnected);
  streams.addCallback(observeStreams);
  members.addCallback(observeMembers);
  return () => {
    connected.removeCallback(observeConnected);
    streams.removeCallback(observeStreams);
    members.removeCallback(observeMembers);
  };
}
