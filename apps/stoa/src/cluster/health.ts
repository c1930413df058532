import type { createChannel } from '@stoa/contracts';

/** What a process answers to grpc.health.v1.Health/Check. */
export type ProcessHealth = 'serving' | 'not serving' | 'unreachable';

const PATH = '/grpc.health.v1.Health/Check';
const SERVING = 1;

/** Asks a process whether it serves. Never rejects; `detail` tells why it cannot be reached. */
export function checkHealth(
  channel: ReturnType<typeof createChannel>,
  timeoutMs: number,
): Promise<{ health: ProcessHealth; detail: string }> {
  return new Promise((resolve) => {
    channel.makeUnaryRequest(
      PATH,
      (request: Buffer) => request,
      (response: Buffer) => response,
      Buffer.alloc(0),
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        if (error !== null) resolve({ health: 'unreachable', detail: error.details || error.message });
        else resolve({ health: servingStatus(response) === SERVING ? 'serving' : 'not serving', detail: '' });
      },
    );
  });
}

/** Field 1 of HealthCheckResponse: a varint after its tag. 0, unknown, where it is absent. */
function servingStatus(response: Buffer | undefined): number {
  return response?.[0] === 0x08 ? (response[1] ?? 0) : 0;
}
