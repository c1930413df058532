export type * from './events/types.ts';
export type * from './plugins/types.ts';
export * from './service.ts';
export type * from './telemetry/logger.ts';
export type * from './tls/types.ts';
