import { enterService } from '../telemetry/service-scope.ts';
import type { CoordinatorEventClient } from './event-client.ts';
import type { EventClient } from './types.ts';

/** The line to the coordinator as one service has it: what its listeners do on an event is the service's work in a trace. */
export function scopedEvents(events: CoordinatorEventClient, service: string): EventClient {
  return {
    publish: (event) => events.publish(event),
    subscribe: (listener) =>
      events.subscribe({
        event: (event, nodeId) => enterService(service, () => listener.event(event, nodeId)),
        gap: (reason, nodeId) => enterService(service, () => listener.gap(reason, nodeId)),
        mailboxGap: (streams) => enterService(service, () => listener.mailboxGap?.(streams)),
      }),
    follow: (interest) => events.follow(interest, service),
    get connected() {
      return events.connected;
    },
    flush: () => events.flush(),
  };
}
