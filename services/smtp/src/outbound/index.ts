import type { Client, storage } from '@stoa/contracts';
import type { EventClient, Logger, NodeInfo } from '@stoa/service-kit';
import type { z } from 'zod';
import type { outboundConfig } from './config.ts';

export interface OutboundDeps {
  config: z.output<typeof outboundConfig>;
  node: Pick<NodeInfo, 'id' | 'incarnation' | 'hostname' | 'demo'>;
  queue: Client<typeof storage.QueueServiceDefinition>;
  blobs: Client<typeof storage.BlobServiceDefinition>;
  directory: Client<typeof storage.DirectoryServiceDefinition>;
  mail: Client<typeof storage.MailServiceDefinition>;
  events: EventClient;
  logger: Logger;
  now(): number;
  random(octets: number): Buffer;
}

export function createOutbound(_deps: OutboundDeps): {
  start(): void;
  drain(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
} {
  return { start() {}, async drain() {}, async stop() {} };
}
