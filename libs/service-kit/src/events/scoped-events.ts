import { enterService } from '../telemetry/service-scope.ts';
import type { EventClient } from './types.ts';

/** The line to the coordinator as one service has it: what its listeners do on an event is the service's work in a trace. */
export function scopedEvents(events: EventClient, service: string): EventClient {
  return {
    publish: (event) => events.publish(event),
    subscribe: (listener) =>
      events.subscribe({
        event: (event, nodeId) => enterService(service, () => listener.event(event, nodeId)),
        gap: (reason, nodeId) => enterService(service, () => listener.gap(reason, nodeId)),
      }),
    get connected() {
      return events.connected;
    },
    flush: () => events.flush(),
  };
}
